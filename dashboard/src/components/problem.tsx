import { ProblemError } from "@/api/client";
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
  return (
    <div className="problem" role="alert">
      <strong>{error.title}</strong>
      <span>{error.detail}</span>
      {error.hint !== null && <span className="muted">{error.hint}</span>}
    </div>
  );
}
