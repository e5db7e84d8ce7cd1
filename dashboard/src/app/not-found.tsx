import { Link } from "@tanstack/react-router";
import { Page } from "@/components/page";

export function NotFound() {
  return (
    <Page title="Nothing here">
      <p>
        There is no page at this address. <Link to="/">To the overview</Link>
      </p>
    </Page>
  );
}
