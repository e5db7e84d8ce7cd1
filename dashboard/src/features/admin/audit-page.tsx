import { Button, NativeSelect } from "@mantine/core";
import { useInfiniteQuery, useMutation, useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { http, take } from "@/api/client";
import { audit, me, principals } from "@/api/queries";
import type { AuditSearch } from "@/app/router";
import { More } from "@/components/more";
import { Page, Panel } from "@/components/page";
import { Problem } from "@/components/problem";
import { State } from "@/components/state";
import { Moment } from "@/components/time";
import { count } from "@/lib/format";
import { subjectPlace } from "@/lib/subject";

const route = getRouteApi("/audit");
const KINDS = [
  "agent",
  "approval",
  "login_link",
  "principal",
  "project",
  "run",
  "secret",
  "session",
  "stack",
  "token",
  "workflow",
] as const;

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
  const { who, action } = route.useSearch();
  const found = useInfiniteQuery(
    audit({
      ...(who === undefined ? {} : { principal: who }),
      ...(action === undefined ? {} : { action }),
    }),
  );
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
      <Filters who={who} action={action} />
      {found.data !== undefined && entries.length === 0 && (
        <p className="empty">
          Nothing of this is in the log. <Link to="/audit">Show all of it</Link>
        </p>
      )}
      {entries.length > 0 && (
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
                    <td>
                      <Link to="/audit" search={{ action, who: entry.principal_name }}>
                        {entry.principal_name}
                      </Link>
                    </td>
                    <td>
                      <Link to="/audit" search={{ who, action: entry.action }}>
                        {entry.action}
                      </Link>
                    </td>
                    <td>
                      <SubjectOf id={entry.subject} data={entry.data} />
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

/** By whom and of which kind; a single action is chosen in the list itself. */
function Filters({ who, action }: AuditSearch) {
  const navigate = useNavigate();
  const people = useQuery(principals).data?.items.map(({ name }) => name) ?? [];
  const go = (search: AuditSearch) => void navigate({ to: "/audit", search });
  return (
    <div className="line">
      <NativeSelect
        size="xs"
        aria-label="Who"
        value={who ?? ""}
        data={choices("everybody", [...people, "system"], who)}
        onChange={(event) => go({ action, who: event.currentTarget.value || undefined })}
      />
      <NativeSelect
        size="xs"
        aria-label="What was done"
        value={action ?? ""}
        data={choices("everything", KINDS, action)}
        onChange={(event) => go({ who, action: event.currentTarget.value || undefined })}
      />
    </div>
  );
}

/** The first is none of them; what the address names is always among them. */
function choices(all: string, known: readonly string[], chosen: string | undefined) {
  const names = chosen === undefined || known.includes(chosen) ? known : [...known, chosen];
  return [{ value: "", label: all }, ...names];
}

function SubjectOf({ id, data }: { id: string; data: Record<string, unknown> }) {
  const place = subjectPlace(id, data);
  if (place === null) return <span className="mono small">{id}</span>;
  return (
    <Link {...place} className="mono small">
      {id}
    </Link>
  );
}

const MOST = 160;
const DIGEST = /^[0-9a-f]{32,}$/;
const DIGEST_SHOWN = 12;

function dataWords(data: Record<string, unknown>): string {
  const words = Object.entries(data)
    .filter(([, value]) => value !== null && value !== "")
    .map(([key, value]) => `${key.replaceAll("_", " ")}: ${shown(value)}`)
    .join(", ");
  return words.length > MOST ? `${words.slice(0, MOST)}…` : words;
}

function shown(value: unknown): string {
  if (typeof value !== "string") return JSON.stringify(value);
  return DIGEST.test(value) ? `${value.slice(0, DIGEST_SHOWN)}…` : value;
}
