import { Link, useLocation } from "@tanstack/react-router";
import { Page } from "@/components/page";
import { listAround } from "@/lib/lists";

export function NotFound() {
  const list = listAround(useLocation().pathname);
  return (
    <Page title="Nothing here">
      <p>
        There is no page at this address.{" "}
        {list !== undefined && (
          <>
            <Link to={list.to}>{list.label}</Link> or{" "}
          </>
        )}
        <Link to="/">to the overview</Link>
      </p>
    </Page>
  );
}
