import "@/features/projects/projects.css";
import "@/features/runs/runs.css";
import "./overview.css";
import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { approvals, me, projects, runs } from "@/api/queries";
import { mayAnswer } from "@/app/attention";
import { Icon } from "@/components/icons";
import { Page, Panel } from "@/components/page";
import { Problem } from "@/components/problem";
import { ApprovalRow } from "@/features/approvals/approval-row";
import { AddProject } from "@/features/projects/add-project";
import { RunRow } from "@/features/runs/run-row";
import { openStartRun } from "@/features/runs/start-run";
import { useMay } from "@/lib/may";
import { FirstSteps } from "./first-steps";
import { LastHour } from "./last-hour";
import { ProjectsPanel } from "./projects-panel";

const SHOWN = 8;

export default function OverviewPage() {
  const { data: who } = useQuery(me);
  const open = useQuery(approvals("pending"));
  const newest = useQuery(runs());
  const running = useQuery(runs({ state: "running" }, 50));
  const failed = useQuery(runs({ state: "failed" }, SHOWN));
  const places = useQuery(projects);
  const [isAdding, setAdding] = useState(false);
  const mayAdd = useMay("projects:write");
  const mayStart = useMay("runs:start");
  const error = open.error ?? newest.error ?? running.error ?? failed.error ?? places.error;

  const names = new Map(places.data?.items.map((item) => [item.id, item.name]));
  const waiting = new Set(open.data?.items.map((item) => item.run_id));
  const mayDecide = useMay("approvals:answer");
  const pending = open.data?.items ?? [];
  const mine = pending.filter((item) => mayAnswer(item, who));
  // Who decides nothing sees what others have to decide.
  const shown = mayDecide ? mine : pending;
  const others = pending.length - shown.length;
  const atWork = running.data?.items.filter((run) => !waiting.has(run.id)) ?? [];
  const isNew = newest.data?.items.length === 0;

  return (
    <Page
      title="Overview"
      actions={
        <>
          {mayAdd && (
            <Button size="sm" variant="default" onClick={() => setAdding(true)}>
              Add a project
            </Button>
          )}
          {mayStart && (
            <Button size="sm" leftSection={<Icon name="play" />} onClick={() => openStartRun({})}>
              Start a run
            </Button>
          )}
        </>
      }
    >
      <AddProject opened={isAdding} onClose={() => setAdding(false)} />
      {error !== null && <Problem error={error} />}
      <div className="overview">
        {isNew && mayStart && places.data !== undefined && (
          <Panel title="The first run" className="wide">
            <FirstSteps
              hasProject={places.data.items.length > 0}
              onAddProject={() => setAdding(true)}
            />
          </Panel>
        )}
        <div className="stack">
          {open.data !== undefined && (
            <Panel
              title={mayDecide ? "Waiting for you" : "Waiting for others"}
              aside={
                shown.length > SHOWN ? (
                  <Link to="/approvals">All {shown.length}</Link>
                ) : (
                  others > 0 && <Link to="/approvals">{others} for others</Link>
                )
              }
            >
              {shown.length === 0 ? (
                <p className="empty">
                  {mayDecide
                    ? "Nothing waits for your decision."
                    : "Nothing waits for a decision. Others decide; you see here what they are asked."}
                </p>
              ) : (
                <ul className="rows">
                  {shown.slice(0, SHOWN).map((item) => (
                    <ApprovalRow key={item.id} approval={item} />
                  ))}
                </ul>
              )}
            </Panel>
          )}
          {running.data !== undefined && (
            <Panel title="Running" aside={<Link to="/runs">All runs</Link>}>
              {atWork.length === 0 ? (
                <p className="empty">No agent is at work.</p>
              ) : (
                <ul className="rows">
                  {atWork.slice(0, SHOWN).map((run) => (
                    <RunRow key={run.id} run={run} project={names.get(run.project_id ?? "")} />
                  ))}
                </ul>
              )}
            </Panel>
          )}
          {failed.data !== undefined && (
            <Panel
              title="Failed"
              aside={
                <Link to="/runs" search={{ state: "failed" }}>
                  All failed
                </Link>
              }
            >
              {failed.data.items.length === 0 ? (
                <p className="empty">No run has failed.</p>
              ) : (
                <ul className="rows">
                  {failed.data.items.map((run) => (
                    <RunRow key={run.id} run={run} project={names.get(run.project_id ?? "")} />
                  ))}
                </ul>
              )}
            </Panel>
          )}
        </div>
        {places.data !== undefined && <ProjectsPanel projects={places.data.items} most={SHOWN} />}
        {newest.data !== undefined && (
          <Panel title="The last hour" className="wide">
            <LastHour runs={newest.data.items} waiting={waiting} />
          </Panel>
        )}
      </div>
    </Page>
  );
}
