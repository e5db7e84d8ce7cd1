import { visible } from "@/lib/visible";

type Finding = { severity: string; message: string; file?: string; line?: number };

const KEYS = ["issues", "findings", "violations"];
const MOST = 200;
const GRAVE = new Set(["blocker", "critical", "error"]);

/** What analysing agents report, where outputs have it in the form that they share. */
export function findingsIn(outputs: Record<string, unknown> | null): Finding[] {
  for (const key of KEYS) {
    const value = outputs?.[key];
    if (Array.isArray(value) && value.length > 0 && value.every(isFinding)) return value;
  }
  return [];
}

function isFinding(value: unknown): value is Finding {
  return (
    typeof value === "object" &&
    value !== null &&
    typeof (value as Finding).severity === "string" &&
    typeof (value as Finding).message === "string"
  );
}

export function Findings({ findings }: { findings: Finding[] }) {
  return (
    <div className="scroll-x">
      <table className="data">
        <thead>
          <tr>
            <th>Severity</th>
            <th>Finding</th>
          </tr>
        </thead>
        <tbody>
          {findings.slice(0, MOST).map((finding, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: findings have no other identity
            <tr key={index}>
              <td className={GRAVE.has(finding.severity) ? "grave" : "muted"}>
                {finding.severity}
              </td>
              <td className="wrap">
                {visible(finding.message)}
                {finding.file !== undefined && (
                  <div className="mono small muted">
                    {visible(finding.file)}
                    {finding.line !== undefined && `:${finding.line}`}
                  </div>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {findings.length > MOST && (
        <p className="small muted">
          The first {MOST} of {findings.length}; all are in the JSON.
        </p>
      )}
    </div>
  );
}
