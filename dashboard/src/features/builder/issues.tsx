import type { IssueView } from "@/api/generated/schema";
import { State } from "@/components/state";

/** What the hub finds wrong, each leading to its line; announced when it changes. */
export function Issues({
  issues,
  onShow,
}: {
  issues: readonly IssueView[] | null;
  onShow: (issue: IssueView) => void;
}) {
  return (
    <div className="builder-issues" id="builder-issues" role="status">
      {issues === null ? (
        <span className="muted">Not checked yet</span>
      ) : issues.length === 0 ? (
        <State state="succeeded" word="valid" />
      ) : (
        <ul>
          {issues.map((issue) => (
            <li key={`${issue.line}:${issue.column}:${issue.path}:${issue.message}`}>
              <button type="button" onClick={() => onShow(issue)}>
                <span className="mono">{issue.line > 0 ? `line ${issue.line}` : "text"}</span>
                <span>
                  {issue.path !== "" && <span className="mono">{issue.path}: </span>}
                  {issue.message}
                  {issue.hint !== null && <span className="muted"> ({issue.hint})</span>}
                </span>
              </button>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
