import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { workflow as workflowQuery, workflows } from "@/api/queries";
import { Icon } from "@/components/icons";
import { Json } from "@/components/json";
import { Page, Panel } from "@/components/page";
import { Problem } from "@/components/problem";
import { Ago } from "@/components/time";
import { openStartRun } from "@/features/runs/start-run";
import { count } from "@/lib/format";

export default function WorkflowsPage() {
  const found = useQuery(workflows);
  const [shown, setShown] = useState<string | null>(null);
  return (
    <Page
      title="Workflows"
      actions={
        <Button size="sm" component={Link} to="/new-workflow">
          New workflow
        </Button>
      }
    >
      {found.error !== null && <Problem error={found.error} />}
      {found.data !== undefined && (
        <Panel title="Current versions">
          <ul className="rows">
            {found.data.items.map((item) => (
              <li key={item.id}>
                <div className="row">
                  <div className="grow">
                    <Link
                      className="cover"
                      to="/workflows/$workflow"
                      params={{ workflow: item.name }}
                    >
                      {item.name}
                    </Link>
                    <div className="small">
                      {item.description ?? <span className="muted">no description</span>}
                    </div>
                    <div className="small muted">
                      version {item.version}, <Ago at={item.created_at} /> by {item.created_by_name}
                    </div>
                  </div>
                  <Button
                    className="above"
                    size="xs"
                    variant="default"
                    aria-expanded={shown === item.name}
                    onClick={() => setShown(shown === item.name ? null : item.name)}
                  >
                    {shown === item.name ? "Close" : "Source"}
                  </Button>
                  <Button
                    className="above"
                    size="xs"
                    variant="default"
                    leftSection={<Icon name="play" size={14} />}
                    onClick={() => openStartRun({ workflow: item.name })}
                  >
                    Run
                  </Button>
                </div>
                {shown === item.name && <Source name={item.name} />}
              </li>
            ))}
          </ul>
        </Panel>
      )}
    </Page>
  );
}

function Source({ name }: { name: string }) {
  const { data, error } = useQuery(workflowQuery(name));
  if (error !== null) return <Problem error={error} />;
  if (data === undefined) return null;
  return (
    <div className="body stack workflow-source">
      <p className="muted">
        {count(data.plan.nodes.length, "step")}:{" "}
        {data.plan.nodes.map((node) => node.name).join(", ")}.
      </p>
      <Json value={data.source} label={`Source of ${name}`} />
    </div>
  );
}
