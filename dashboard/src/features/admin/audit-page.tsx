import { Button } from "@mantine/core";
import { useInfiniteQuery, useMutation, useQuery } from "@tanstack/react-query";
import { http, take } from "@/api/client";
import { audit, me } from "@/api/queries";
import { More } from "@/components/more";
import { Page, Panel } from "@/components/page";
import { Problem } from "@/components/problem";
import { State } from "@/components/state";
import { Moment } from "@/components/time";
import { count } from "@/lib/format";

export default function AuditPage() {
  const { data: who } = useQuery(me);
  if (who === undefined) return null;
  if (who.permissions.includes("audit:read")) return <AuditLog />;
  return (
    <Page title="Audit log">
      <p className="muted">Who did what, an admin sees here.</p>
    </Page>
  );
}

function AuditLog() {
  const found = useInfiniteQuery(audit);
  const entries = found.data?.pages.flatMap((page) => page.items) ?? [];
  const verify = useMutation({ mutationFn: () => take(http.GET("/api/v1/audit/verify")) });
  return (
    <Page
      title="Audit log"
      actions={
        <Button
          size="sm"
          variant="default"
          loading={verify.isPending}
          onClick={() => verify.mutate()}
        >
          Check the chain
        </Button>
      }
    >
      {found.error !== null && <Problem error={found.error} />}
      {verify.error !== null && <Problem error={verify.error} />}
      {verify.data !== undefined && (
        <div role="status">
          {verify.data.broken_id === null ? (
            <State
              state="unbroken"
              tone="good"
              word={`${count(verify.data.entries, "entry", "entries")}, each follows from the one before`}
            />
          ) : (
            <State
              state="broken"
              tone="bad"
              word={`Changed afterwards: entry ${verify.data.broken_id}`}
            />
          )}
        </div>
      )}
      {found.data !== undefined && (
        <Panel title="Newest first">
          <div className="scroll-x">
            <table className="data stacked">
              <thead>
                <tr>
                  <th>When</th>
                  <th>Who</th>
                  <th>What</th>
                  <th>To what</th>
                </tr>
              </thead>
              <tbody>
                {entries.map((entry) => (
                  <tr key={entry.id}>
                    <td className="nowrap">
                      <Moment at={entry.at} />
                    </td>
                    <td>{entry.principal_name}</td>
                    <td>{entry.action}</td>
                    <td>
                      <span className="mono small">{entry.subject}</span>
                      <div className="small muted wrap">{dataWords(entry.data)}</div>
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </Panel>
      )}
      <More of={found}>Older entries</More>
    </Page>
  );
}

const MOST = 160;
const DIGEST = /^[0-9a-f]{32,}$/;
const DIGEST_SHOWN = 12;

function dataWords(data: Record<string, unknown>): string {
  const words = Object.entries(data)
    .filter(([, value]) => value !== null)
    .map(([key, value]) => `${key.replaceAll("_", " ")}: ${shown(value)}`)
    .join(", ");
  return words.length > MOST ? `${words.slice(0, MOST)}…` : words;
}

function shown(value: unknown): string {
  if (typeof value !== "string") return JSON.stringify(value);
  return DIGEST.test(value) ? `${value.slice(0, DIGEST_SHOWN)}…` : value;
}
