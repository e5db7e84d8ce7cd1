import { useQuery } from "@tanstack/react-query";
import { agents } from "@/api/queries";
import { Page, Panel } from "@/components/page";
import { Problem } from "@/components/problem";
import { Ago } from "@/components/time";

export default function AgentsPage() {
  const found = useQuery(agents);
  return (
    <Page title="Agents">
      {found.error !== null && <Problem error={found.error} />}
      {found.data !== undefined && (
        <Panel title="Registered">
          {found.data.items.length === 0 ? (
            <p className="empty">
              An agent is a folder with an agent.yaml: commandcenter agents register FOLDER
            </p>
          ) : (
            <div className="scroll-x">
              <table className="data stacked">
                <thead>
                  <tr>
                    <th>Agent</th>
                    <th>What it does</th>
                    <th>Type</th>
                    <th>Risk</th>
                    <th>Registered</th>
                  </tr>
                </thead>
                <tbody>
                  {found.data.items.map((agent) => (
                    <tr key={agent.id}>
                      <td>
                        <strong>{agent.name}</strong>
                        <div className="mono small muted">{agent.version}</div>
                      </td>
                      <td>
                        {agent.description}
                        <div className="small muted">{agent.capabilities.join(", ")}</div>
                      </td>
                      <td>{agent.type.toLowerCase()}</td>
                      <td>
                        {agent.risk === "AUTO" ? (
                          <span className="muted nowrap">runs by itself</span>
                        ) : (
                          <span className="state" data-tone="waiting">
                            asks first
                          </span>
                        )}
                      </td>
                      <td className="muted">
                        <Ago at={agent.registered_at} />
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )}
        </Panel>
      )}
    </Page>
  );
}
