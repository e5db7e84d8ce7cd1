import { SegmentedControl, useMantineColorScheme } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { SettingsView, SettingView } from "@/api/generated/schema";
import { health, me, settings } from "@/api/queries";
import { Page, Panel } from "@/components/page";
import { Problem } from "@/components/problem";

const THEMES = [
  { value: "auto", label: "as the system" },
  { value: "light", label: "light" },
  { value: "dark", label: "dark" },
];

/** How this browser shows things, and how the hub is configured, which is changed where it runs. */
export default function SettingsPage() {
  const { data: who } = useQuery(me);
  const isAdmin = who?.permissions.includes("settings:read") ?? false;
  const found = useQuery({ ...settings, enabled: isAdmin });
  const version = useQuery(health).data?.version;
  return (
    <Page title="Settings">
      <Look />
      {found.error !== null && <Problem error={found.error} />}
      {found.data !== undefined && (
        <>
          <Hub found={found.data} />
          <Roots roots={found.data.allowed_roots} />
        </>
      )}
      <Panel title="People and notices">
        <ul className="rows">
          <li className="row">
            <Link to="/people" className="cover grow">
              People, tokens and sign-in links
            </Link>
          </li>
          <li className="row">
            <span>
              Notices of agents are kept with their run and told as events. Other channels are not
              set up in the hub: a notice for one is kept here, and says that it was not delivered.
            </span>
          </li>
        </ul>
      </Panel>
      {found.data !== undefined && <Variables settings={found.data.settings} />}
      {who !== undefined && !isAdmin && (
        <p className="muted">
          Version {version ?? "unknown"}. How the hub is configured, an admin sees here.
        </p>
      )}
    </Page>
  );
}

function Look() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <Panel title="This browser">
      <div className="body line">
        <span id="theme-label">Colours</span>
        <SegmentedControl
          size="xs"
          aria-labelledby="theme-label"
          data={THEMES}
          value={colorScheme}
          onChange={(value) => setColorScheme(value as typeof colorScheme)}
        />
      </div>
    </Panel>
  );
}

function Hub({ found }: { found: SettingsView }) {
  return (
    <Panel title="The hub">
      <dl className="facts body">
        <dt>Version</dt>
        <dd className="mono">{found.version}</dd>
        <dt>Address</dt>
        <dd className="mono">{found.address}</dd>
        <dt>Data directory</dt>
        <dd className="mono">{found.data_directory}</dd>
        <dt>Database</dt>
        <dd className="mono">{found.database}</dd>
      </dl>
    </Panel>
  );
}

function Roots({ roots }: { roots: string[] }) {
  return (
    <Panel title="Where projects may lie">
      <div className="body stack">
        <ul className="plain-list mono">
          {roots.map((root) => (
            <li key={root} className="wrap">
              {root}
            </li>
          ))}
        </ul>
        <p className="muted">
          Only who is on the hub's machine may add one:{" "}
          <code>commandcenter project allow FOLDER</code>
        </p>
      </div>
    </Panel>
  );
}

function Variables({ settings: found }: { settings: SettingView[] }) {
  return (
    <Panel
      title="Environment"
      aside={<span className="small muted">read when the hub starts; no secret is shown</span>}
    >
      <section className="scroll-x" tabIndex={0} aria-label="Environment">
        <table className="data">
          <thead>
            <tr>
              <th>Variable</th>
              <th>Value</th>
              <th>From</th>
            </tr>
          </thead>
          <tbody>
            {found.map((setting) => (
              <tr key={setting.variable}>
                <td className="mono small">{setting.variable}</td>
                <td className="mono small wrap">
                  {setting.value === "" ? <span className="muted">none</span> : setting.value}
                </td>
                <td className="nowrap">
                  {setting.is_given ? "given" : <span className="muted">usual</span>}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </Panel>
  );
}
