import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { me } from "@/api/queries";
import { usePlaces } from "@/app/places";
import { HubHealth } from "@/components/hub-health";
import { Icon } from "@/components/icons";
import { Page, Panel } from "@/components/page";

/** The places that have no tab on a phone, and how the hub is. */
export default function MorePage() {
  const { data: who } = useQuery(me);
  const places = usePlaces();
  return (
    <Page title="More">
      <Panel title="Places">
        <ul className="rows">
          {places.slice(4).map((place) => (
            <li key={place.to} className="row">
              <Icon name={place.icon} />
              <Link to={place.to} className="cover">
                {place.label}
              </Link>
            </li>
          ))}
        </ul>
      </Panel>
      <HubHealth />
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
