import "./runs.css";
import { Button } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { Suspense, useState } from "react";
import { http, take } from "@/api/client";
import type { RunView } from "@/api/generated/schema";
import { run as runQuery } from "@/api/queries";
import type { RunSearch } from "@/app/router";
import { Confirm } from "@/components/confirm";
import { Icon } from "@/components/icons";
import { Json } from "@/components/json";
import { Page, Panel } from "@/components/page";
import { Problem } from "@/components/problem";
import { RunState } from "@/components/run-state";
import { Ago, Elapsed } from "@/components/time";
import { lazyPart } from "@/lib/lazy";
import { usePermissions } from "@/lib/may";
import { hasEnded } from "@/lib/status";
import { Gantt } from "./gantt";

const RunGraph = lazyPart(() => import("./graph/run-graph"));
const StepDrawer = lazyPart(() => import("./step-drawer"));
const RerunDialog = lazyPart(() => import("./rerun-dialog"));
const CompareDialog = lazyPart(() => import("./compare/compare-dialog"));
const route = getRouteApi("/runs/$run");

export default function RunPage() {
  const { run: id } = route.useParams();
  const search = route.useSearch();
  const navigate = useNavigate();
  const { data: run, error } = useQuery(runQuery(id));
  const [rerunFrom, setRerunFrom] = useState<string | null>(null);
  const [isComparing, setIsComparing] = useState(false);
  const show = (wanted: RunSearch) =>
    void navigate({ to: "/runs/$run", params: { run: id }, search: wanted, replace: true });
  const open = run?.approvals?.filter(({ state }) => state === "pending") ?? [];
  return (
    <Page
      title={
        run === undefined
          ? "Run"
          : `${run.workflow_name}, ${open.length > 0 ? "waits for approval" : run.state}`
      }
      crumbs={<Link to="/runs">Runs</Link>}
      heading={
        <span className="line">
          {run?.workflow_name ?? "Run"}
          {run !== undefined && <RunState state={run.state} waits={open.length > 0} />}
        </span>
      }
      actions={
        run !== undefined && (
          <>
            <Button variant="default" size="sm" onClick={() => setIsComparing(true)}>
              Compare…
            </Button>
            <Actions run={run} onRerun={setRerunFrom} />
          </>
        )
      }
    >
      {error !== null && <Problem error={error} />}
      {run !== undefined && (
        <>
          <RunFacts run={run} />
          {run.message !== "" && (
            <div className={run.state === "failed" ? "problem" : "note"}>
              {run.reason !== null && <strong>{run.reason.replaceAll("_", " ")}</strong>}
              <span>{run.message}</span>
              {run.steps
                ?.filter((step) => step.state === "failed" && step.message !== "")
                .map((step) => (
                  <span key={step.node}>
                    <Link to="/runs/$run" params={{ run: id }} search={{ step: step.node }}>
                      {step.node}
                    </Link>
                    : {step.message}
                  </span>
                ))}
            </div>
          )}
          {open.map((approval) => (
            <div key={approval.id} className="note line">
              <span>{approval.node} waits for a decision.</span>
              <Link to="/approvals/$approval" params={{ approval: approval.id }}>
                Look at it and decide
              </Link>
            </div>
          ))}
          <Panel title="Graph">
            <Suspense fallback={<div className="graph-wait" />}>
              <RunGraph run={run} selected={search.step} onOpen={(step) => show({ step })} />
            </Suspense>
          </Panel>
          <Panel title="Timeline">
            <Gantt
              run={run}
              selected={search.step}
              onOpen={(step, attempt, check) =>
                show({
                  step,
                  attempt,
                  check: check || undefined,
                  tab: attempt === undefined ? undefined : "log",
                })
              }
            />
          </Panel>
          <RunInputs run={run} />
          <Suspense>
            {search.step !== undefined && (
              <StepDrawer run={run} search={search} onChange={show} onRerun={setRerunFrom} />
            )}
            {rerunFrom !== null && (
              <RerunDialog run={run} from={rerunFrom} onClose={() => setRerunFrom(null)} />
            )}
            {isComparing && <CompareDialog run={run} onClose={() => setIsComparing(false)} />}
          </Suspense>
        </>
      )}
    </Page>
  );
}

function RunFacts({ run }: { run: RunView }) {
  return (
    <div className="run-facts muted">
      {run.project != null && (
        <Link to="/projects/$project" params={{ project: run.project }}>
          {run.project}
        </Link>
      )}
      <Link to="/workflows/$workflow" params={{ workflow: run.workflow_name }}>
        version {run.workflow_version}
      </Link>
      <span>by {run.requested_by_name ?? run.requested_by}</span>
      <span>
        <Ago at={run.created_at} />
      </span>
      {run.started_at !== null && (
        <span>
          {run.finished_at === null ? "for" : "took"}{" "}
          <Elapsed from={run.started_at} to={run.finished_at} />
          {run.finished_at === null && " so far"}
        </span>
      )}
      <span>on {run.runtime}</span>
      {run.rerun_of !== null && (
        <span>
          again after{" "}
          <Link to="/runs/$run" params={{ run: run.rerun_of }}>
            {run.rerun_of}
          </Link>
        </span>
      )}
      <span className="mono">{run.id}</span>
    </div>
  );
}

function Actions({ run, onRerun }: { run: RunView; onRerun: (node: string) => void }) {
  const may = usePermissions();
  const [isAsking, setAsking] = useState(false);
  const cancel = useMutation({
    mutationFn: () =>
      take(http.POST("/api/v1/runs/{run_id}/cancel", { params: { path: { run_id: run.id } } })),
  });
  if (!hasEnded(run.state)) {
    const isAsked = run.cancel_requested_at !== null;
    if (!may("runs:cancel")) return null;
    return (
      <>
        {cancel.error !== null && <Problem error={cancel.error} />}
        <Button
          variant="default"
          size="sm"
          leftSection={<Icon name="stop" />}
          disabled={isAsked || cancel.isPending}
          onClick={() => setAsking(true)}
        >
          {isAsked ? "Cancelling…" : "Cancel…"}
        </Button>
        {isAsking && (
          <Confirm
            title={`Cancel this run of ${run.workflow_name}?`}
            does="Cancel the run"
            keeps="Let it go on"
            onSure={() => cancel.mutate()}
            onClose={() => setAsking(false)}
          >
            <p>Agents at work are stopped, and what waits for a decision is asked no more.</p>
          </Confirm>
        )}
      </>
    );
  }
  if (!may("runs:start")) return null;
  const failed = run.steps?.find(({ state }) => state === "failed");
  return (
    <>
      {failed !== undefined && (
        <Button size="sm" onClick={() => onRerun(failed.node)}>
          Retry from {failed.node}…
        </Button>
      )}
      <Button
        variant="default"
        size="sm"
        leftSection={<Icon name="again" />}
        onClick={() => onRerun("")}
      >
        Run again…
      </Button>
    </>
  );
}

function RunInputs({ run }: { run: RunView }) {
  const given = Object.entries(run.inputs).filter(([, value]) => value !== null);
  if (given.length === 0) return null;
  return (
    <Panel title="Inputs">
      <div className="body stack">
        {given.map(([name, value]) => (
          <div key={name}>
            <h3>{name}</h3>
            <Json value={value} label={`Input ${name}`} />
          </div>
        ))}
      </div>
    </Panel>
  );
}
