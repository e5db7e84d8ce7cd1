import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { RunSummary } from "@/api/generated/schema";
import { RunState } from "@/components/run-state";
import { Ago, Elapsed } from "@/components/time";
import { toneOf } from "@/lib/status";

/** A run in a list. `waits`: an approval of it is open; `mark` stands before it, to choose it. */
export function RunRow({
  run,
  project,
  waits = false,
  mark,
}: {
  run: RunSummary;
  project?: string;
  waits?: boolean;
  mark?: ReactNode;
}) {
  const tone = waits ? "waiting" : toneOf(run.state);
  return (
    <li className="row edge" data-tone={tone}>
      {mark}
      <div className="grow">
        <div className="line">
          <Link to="/runs/$run" params={{ run: run.id }} className="cover">
            {run.workflow_name}
          </Link>
          {project !== undefined && <span className="muted">{project}</span>}
        </div>
        <div className="small muted clip">
          {run.message === "" ? (
            <span className="mono">{run.id}</span>
          ) : (
            [run.message, run.cause].filter(Boolean).join(" – ")
          )}
        </div>
      </div>
      <div className="run-when">
        <RunState state={run.state} waits={waits} />
        <span className="small muted">
          <Ago at={run.created_at} />
          {run.started_at !== null && run.finished_at !== null && (
            <>
              {" · "}
              <Elapsed from={run.started_at} to={run.finished_at} />
            </>
          )}
        </span>
      </div>
    </li>
  );
}
