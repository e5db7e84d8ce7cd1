import "@/features/runs/runs.css";
import "./metrics.css";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import type { GroupView, StatisticsView } from "@/api/generated/schema";
import { statistics } from "@/api/queries";
import { HubHealth } from "@/components/hub-health";
import { Page, Panel } from "@/components/page";
import { Problem } from "@/components/problem";
import { State } from "@/components/state";
import { count, duration } from "@/lib/format";
import { toneOf } from "@/lib/status";
import { RunsByHour } from "./runs-by-hour";

const SPANS = [
  { hours: 24, label: "24 hours" },
  { hours: 7 * 24, label: "7 days" },
  { hours: 30 * 24, label: "30 days" },
] as const;
const route = getRouteApi("/statistics");

/** How runs, agents, approvals and stacks went, from what is on record, and how the hub is. */
export default function MetricsPage() {
  const search = route.useSearch();
  const span = SPANS.find(({ hours }) => hours === search.hours) ?? SPANS[0];
  const { data, error } = useQuery(statistics(span.hours));
  return (
    <Page title="Metrics">
      <nav className="filters" aria-label="Span">
        {SPANS.map((each) => (
          <Link
            key={each.hours}
            to="/statistics"
            search={each.hours === SPANS[0].hours ? {} : { hours: each.hours }}
            aria-current={each === span ? "page" : undefined}
          >
            {each.label}
          </Link>
        ))}
      </nav>
      {error !== null && <Problem error={error} />}
      {data !== undefined && (
        <>
          {data.is_cut && (
            <p className="note">
              There is more than was read: the oldest of these {span.label} are not counted.
            </p>
          )}
          <Figures found={data} />
          <Panel title={`Runs by hour, the last ${span.label}`}>
            <RunsByHour hours={data.hours} />
          </Panel>
          <div className="two-columns">
            <Panel title="Workflows">
              <Groups groups={data.workflows} what="run" empty="No run began in this time." />
            </Panel>
            <Panel title="Agents">
              <Groups
                groups={data.agents}
                what="attempt"
                empty="No agent was at work in this time."
              />
            </Panel>
            <Panel title="Stacks now">
              <States states={data.stacks} empty="No project has services." />
            </Panel>
            <HubHealth />
          </div>
        </>
      )}
      <p className="small muted">
        The same and more for Prometheus: <a href="/metrics">/metrics</a>
      </p>
    </Page>
  );
}

const seconds = (value: number | null) => (value === null ? "–" : duration(value));
const share = (value: number | null) =>
  value === null
    ? "–"
    : `${(value * 100).toLocaleString(undefined, { maximumFractionDigits: 1 })} %`;

function Figures({ found }: { found: StatisticsView }) {
  const { runs, approvals } = found;
  const asked = Object.values(approvals.states).reduce((sum, each) => sum + each, 0);
  return (
    <dl className="figures">
      <Figure name="Runs" value={runs.count.toLocaleString()}>
        {runs.failed.toLocaleString()} failed
      </Figure>
      <Figure name="Succeeded" value={share(runs.success_share)}>
        of what succeeded or failed
      </Figure>
      <Figure name="Half took at most" value={seconds(runs.p50_seconds)}>
        from asked for to ended
      </Figure>
      <Figure name="95 % took at most" value={seconds(runs.p95_seconds)}>
        waits for people included
      </Figure>
      <Figure name="Approvals" value={asked.toLocaleString()}>
        {approvals.p50_seconds === null
          ? "none decided yet"
          : `half decided within ${seconds(approvals.p50_seconds)}`}
      </Figure>
    </dl>
  );
}

function Figure({
  name,
  value,
  children,
}: {
  name: string;
  value: string;
  children: React.ReactNode;
}) {
  return (
    <div>
      <dt className="small muted">{name}</dt>
      <dd>
        <strong>{value}</strong>
        <span className="small muted">{children}</span>
      </dd>
    </div>
  );
}

function Groups({ groups, what, empty }: { groups: GroupView[]; what: string; empty: string }) {
  if (groups.length === 0) return <p className="empty">{empty}</p>;
  const hasCpu = groups.some((group) => group.cpu_seconds > 0);
  return (
    <section className="scroll-x" tabIndex={0} aria-label={`Figures by ${what}`}>
      <table className="data figures-table">
        <thead>
          <tr>
            <th>Name</th>
            <th>{what}s</th>
            <th>failed</th>
            <th>half within</th>
            <th>95 % within</th>
            {hasCpu && <th>CPU time</th>}
          </tr>
        </thead>
        <tbody>
          {groups.map((group) => (
            <tr key={group.name}>
              <td className="wrap">{group.name}</td>
              <td>{group.count.toLocaleString()}</td>
              <td>{group.failed > 0 ? group.failed.toLocaleString() : "–"}</td>
              <td className="nowrap">{seconds(group.p50_seconds)}</td>
              <td className="nowrap">{seconds(group.p95_seconds)}</td>
              {hasCpu && <td className="nowrap">{duration(group.cpu_seconds)}</td>}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function States({ states, empty }: { states: Record<string, number>; empty: string }) {
  const known = Object.entries(states).sort();
  if (known.length === 0) return <p className="empty">{empty}</p>;
  return (
    <ul className="rows">
      {known.map(([state, number]) => (
        <li key={state} className="row">
          <span className="grow">
            <State state={state} tone={state === "running" ? "good" : toneOf(state)} />
          </span>
          {count(number, "stack")}
        </li>
      ))}
    </ul>
  );
}
