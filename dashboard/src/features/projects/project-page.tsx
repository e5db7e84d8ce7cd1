import "@/features/runs/runs.css";
import "./projects.css";
import "./stack.css";
import { Button } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { http, take } from "@/api/client";
import type { ProjectDetail } from "@/api/generated/schema";
import { approvals, project as projectQuery, runs, stack as stackQuery } from "@/api/queries";
import { Icon } from "@/components/icons";
import { Page, Panel } from "@/components/page";
import { Problem } from "@/components/problem";
import { RunRow } from "@/features/runs/run-row";
import { openStartRun } from "@/features/runs/start-run";
import { StackPanel } from "./stack-panel";

const route = getRouteApi("/projects/$project");
const SHOWN_RUNS = 10;

export default function ProjectPage() {
  const { project: name } = route.useParams();
  const { data: project, error } = useQuery(projectQuery(name));
  return (
    <Page
      title={name}
      crumbs={<Link to="/projects">Projects</Link>}
      actions={
        <Button
          size="sm"
          leftSection={<Icon name="play" />}
          onClick={() => openStartRun({ project: project?.name })}
        >
          Start a run
        </Button>
      }
    >
      {error !== null && <Problem error={error} />}
      {project !== undefined && <Content project={project} />}
    </Page>
  );
}

function Content({ project }: { project: ProjectDetail }) {
  const { service } = route.useSearch();
  const navigate = useNavigate();
  const stack = useQuery(stackQuery(project.id, { usage: true }));
  const found = useQuery(runs({ project_id: project.id }, SHOWN_RUNS));
  const waiting = new Set(useQuery(approvals("pending")).data?.items.map((item) => item.run_id));
  return (
    <>
      <div className="run-facts muted">
        <span className="mono wrap">{project.path}</span>
        {project.git?.is_repository && (
          <span className="line">
            <Icon name="branch" size={14} />
            {project.git.branch ?? "detached"} at{" "}
            <span className="mono">{project.git.head_commit?.slice(0, 12) ?? "no commit"}</span>
            {project.git.clean === false && <span>, with changes</span>}
          </span>
        )}
      </div>
      {project.problem !== null && <p className="problem">{project.problem}</p>}
      {project.git?.problem != null && <p className="note">{project.git.problem}</p>}
      {stack.error !== null && <Problem error={stack.error} />}
      {stack.data !== undefined && (
        <StackPanel
          stack={stack.data}
          openService={service}
          onOpenService={(wanted) =>
            void navigate({
              to: "/projects/$project",
              params: { project: project.name },
              search: { service: wanted },
              replace: true,
            })
          }
        />
      )}
      {found.data !== undefined && (
        <Panel title="Runs">
          {found.data.items.length === 0 ? (
            <p className="empty">
              No agent has looked at it yet.{" "}
              <button
                type="button"
                className="link"
                onClick={() => openStartRun({ project: project.name })}
              >
                Start a run
              </button>
            </p>
          ) : (
            <ul className="rows">
              {found.data.items.map((run) => (
                <RunRow
                  key={run.id}
                  run={run}
                  waits={waiting.has(run.id) && run.state === "running"}
                />
              ))}
            </ul>
          )}
        </Panel>
      )}
      <Forget project={project} />
    </>
  );
}

/** Forgetting asks once more, in place. */
function Forget({ project }: { project: ProjectDetail }) {
  const navigate = useNavigate();
  const [isSure, setSure] = useState(false);
  const forget = useMutation({
    mutationFn: () =>
      take(
        http.DELETE("/api/v1/projects/{project}", { params: { path: { project: project.id } } }),
      ),
    onSuccess: () => void navigate({ to: "/projects" }),
  });
  return (
    <div className="line small muted">
      {forget.error !== null && <Problem error={forget.error} />}
      {isSure ? (
        <>
          <span>The folder stays as it is; the project's name and ports are given up.</span>
          <Button size="xs" color="red" variant="outline" onClick={() => forget.mutate()}>
            Forget {project.name}
          </Button>
          <button type="button" className="link" onClick={() => setSure(false)}>
            Keep it
          </button>
        </>
      ) : (
        <button type="button" className="link" onClick={() => setSure(true)}>
          Forget this project…
        </button>
      )}
    </div>
  );
}
