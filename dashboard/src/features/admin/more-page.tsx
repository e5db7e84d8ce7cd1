import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { health, me } from "@/api/queries";
import { PLACES } from "@/app/places";
import { Icon } from "@/components/icons";
import { Page, Panel } from "@/components/page";
import { Problem } from "@/components/problem";
import { State } from "@/components/state";

/** The places that have no tab on a phone, and how the hub is. */
export default function MorePage() {
  const { data: who } = useQuery(me);
  const { data, error } = useQuery({ ...health, refetchInterval: 10_000 });
  return (
    <Page title="More">
      <Panel title="Places">
        <ul className="rows">
          {PLACES.slice(4).map((place) => (
            <li key={place.to} className="row">
              <Icon name={place.icon} />
              <Link to={place.to} className="cover">
                {place.label}
              </Link>
            </li>
          ))}
        </ul>
      </Panel>
      {error !== null && <Problem error={error} />}
      {data !== undefined && (
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
                <span className="muted small wrap detail">{check.detail}</span>
                <State state={check.status} tone={check.status === "ok" ? "good" : "bad"} />
              </li>
            ))}
          </ul>
        </Panel>
      )}
      <Panel title="You">
        <form method="post" action="/logout" className="row">
          <span className="grow">
            {who?.name}, {who?.role}
          </span>
          <button type="submit" className="link">
            Sign out
          </button>
        </form>
      </Panel>
    </Page>
  );
}
