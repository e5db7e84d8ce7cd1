import "@/features/runs/runs.css";
import "./projects.css";
import "./stack.css";
import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { Suspense, useState } from "react";
import type { ProjectDetail } from "@/api/generated/schema";
import { approvals, project as projectQuery, runs, stack as stackQuery } from "@/api/queries";
import { Icon } from "@/components/icons";
import { Page, Panel } from "@/components/page";
import { Problem } from "@/components/problem";
import { RunRow } from "@/features/runs/run-row";
import { openStartRun } from "@/features/runs/start-run";
import { lazyPart } from "@/lib/lazy";
import { useMay, usePermissions } from "@/lib/may";
import { ForkFailed, ForkNote } from "./fork-note";
import { Leave } from "./leave";
import { StackPanel } from "./stack-panel";

const ForkDialog = lazyPart(() => import("./fork-dialog"));
const route = getRouteApi("/projects/$project");
const SHOWN_RUNS = 10;

export default function ProjectPage() {
  const { project: name } = route.useParams();
  const { data: project, error } = useQuery(projectQuery(name));
  const [isForking, setForking] = useState(false);
  const may = usePermissions();
  const mayChange = may("projects:write") && may("stacks:run");
  return (
    <Page
      title={name}
      crumbs={<Link to="/projects">Projects</Link>}
      actions={
        <>
          {mayChange && project !== undefined && (
            <Button
              size="sm"
              variant="default"
              leftSection={<Icon name="branch" />}
              onClick={() => setForking(true)}
            >
              Fork…
            </Button>
          )}
          {may("runs:start") && project !== undefined && (
            <Button
              size="sm"
              leftSection={<Icon name="play" />}
              onClick={() => openStartRun({ project: project.name })}
            >
              Start a run
            </Button>
          )}
        </>
      }
    >
      {error !== null && <Problem error={error} />}
      {error !== null && <ForkFailed name={name} />}
      {project !== undefined && error === null && <Content project={project} />}
      {project !== undefined && mayChange && <Leave project={project} isGone={error !== null} />}
      <Suspense>
        {isForking && project !== undefined && (
          <ForkDialog project={project} onClose={() => setForking(false)} />
        )}
      </Suspense>
    </Page>
  );
}

function Content({ project }: { project: ProjectDetail }) {
  const { service } = route.useSearch();
  const navigate = useNavigate();
  const mayStart = useMay("runs:start");
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
      {project.forked_from !== null && <ForkNote project={project} />}
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
              {mayStart && (
                <button
                  type="button"
                  className="link"
                  onClick={() => openStartRun({ project: project.name })}
                >
                  Start a run
                </button>
              )}
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
    </>
  );
}
