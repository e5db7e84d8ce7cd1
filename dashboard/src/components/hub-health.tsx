import { useQuery } from "@tanstack/react-query";
import { health } from "@/api/queries";
import { Panel } from "@/components/page";
import { Problem } from "@/components/problem";
import { State } from "@/components/state";

/** How the hub is, by each of its own checks, looked at every ten seconds. */
export function HubHealth() {
  const { data, error } = useQuery({ ...health, refetchInterval: 10_000 });
  if (error !== null) return <Problem error={error} />;
  if (data === undefined) return null;
  return (
    <Panel
      title={
        <span className="line">
          The hub {<State state={data.status} tone={data.status === "ok" ? "good" : "bad"} />}
        </span>
      }
    >
      <ul className="rows">
        {Object.entries(data.checks ?? {}).map(([name, check]) => (
          <li key={name} className="row">
            <span className="grow">{name.replaceAll("_", " ")}</span>
            <span className="muted small wrap detail">
              {check.detail || (check.value === null ? "" : check.value.toLocaleString())}
            </span>
            <State state={check.status} tone={check.status === "ok" ? "good" : "bad"} />
          </li>
        ))}
      </ul>
    </Panel>
  );
}
