import { Link } from "@tanstack/react-router";
import { ProblemError } from "@/api/client";
import { listFor } from "@/lib/lists";
import { useConnection } from "@/live/live";
import { isToTell } from "@/live/told";

/** What went wrong, in the hub's own words, with what to do next. */
export function Problem({ error }: { error: Error }) {
  const connection = useConnection();
  if (!isToTell(error, connection)) return null;
  if (!(error instanceof ProblemError)) {
    return (
      <div className="problem" role="alert">
        <strong>This page failed</strong>
        <span>{error.message}</span>
        <span className="muted">Load it again. If that does not help, tell an admin.</span>
      </div>
    );
  }
  const list = listFor(error.code);
  // Who looks at a page is led to a page, not to the command that lists the same.
  const isCommand = list !== undefined && error.hint?.startsWith("commandcenter ");
  return (
    <div className="problem" role="alert">
      <strong>{error.title}</strong>
      <span>{error.detail}</span>
      {error.hint !== null && !isCommand && <span className="muted">{error.hint}</span>}
      {list !== undefined && <Link to={list.to}>{list.label}</Link>}
    </div>
  );
}
