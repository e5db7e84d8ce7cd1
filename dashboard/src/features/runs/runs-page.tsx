import "./runs.css";
import "./compare/compare.css";
import { Button, Checkbox } from "@mantine/core";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useState } from "react";
import type { RunState, RunSummary } from "@/api/generated/schema";
import { approvals, projects, runPages } from "@/api/queries";
import { Icon } from "@/components/icons";
import { More } from "@/components/more";
import { Page, Panel } from "@/components/page";
import { Problem } from "@/components/problem";
import { useMay } from "@/lib/may";
import { CompareBar } from "./compare/compare-bar";
import { RunRow } from "./run-row";
import { openStartRun } from "./start-run";

const STATES = ["running", "queued", "succeeded", "failed", "cancelled"] as const;
const route = getRouteApi("/runs");

export default function RunsPage() {
  const search = route.useSearch();
  const state = STATES.find((each) => each === search.state) as RunState | undefined;
  const found = useInfiniteQuery(runPages(state === undefined ? {} : { state }));
  const open = useQuery(approvals("pending"));
  const places = useQuery(projects);
  const waiting = new Set(open.data?.items.map((item) => item.run_id));
  const names = new Map(places.data?.items.map((item) => [item.id, item.name]));
  const items = found.data?.pages.flatMap((page) => page.items) ?? [];
  const mayStart = useMay("runs:start");
  const [chosen, setChosen] = useState<RunSummary[] | null>(null);
  return (
    <Page
      title="Runs"
      actions={
        <>
          {items.length > 1 && chosen === null && (
            <Button variant="default" size="sm" onClick={() => setChosen([])}>
              Compare two…
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
      <nav className="filters" aria-label="State">
        <Link to="/runs" search={{}} aria-current={state === undefined ? "page" : undefined}>
          all
        </Link>
        {STATES.map((each) => (
          <Link
            key={each}
            to="/runs"
            search={{ state: each }}
            aria-current={state === each ? "page" : undefined}
          >
            {each}
          </Link>
        ))}
      </nav>
      {found.error !== null && <Problem error={found.error} />}
      {found.data !== undefined && (
        <Panel title={state === undefined ? "Newest first" : `Newest first, ${state}`}>
          {chosen !== null && <CompareBar chosen={chosen} onClose={() => setChosen(null)} />}
          {items.length === 0 ? (
            <p className="empty">
              {state === undefined ? "There was no run yet. " : `No run is ${state}. `}
              {mayStart && (
                <button type="button" className="link" onClick={() => openStartRun({})}>
                  Start one
                </button>
              )}
            </p>
          ) : (
            <ul className="rows">
              {items.map((run) => (
                <RunRow
                  key={run.id}
                  run={run}
                  project={names.get(run.project_id ?? "")}
                  waits={waiting.has(run.id) && run.state === "running"}
                  mark={chosen !== null && <Mark run={run} chosen={chosen} onMark={setChosen} />}
                />
              ))}
            </ul>
          )}
        </Panel>
      )}
      <More of={found}>Older runs</More>
    </Page>
  );
}

/** Takes a run into a comparison of two, or out of it; once one is in, others of its workflow. */
function Mark({
  run,
  chosen,
  onMark,
}: {
  run: RunSummary;
  chosen: RunSummary[];
  onMark: (chosen: RunSummary[]) => void;
}) {
  const isChosen = chosen.some(({ id }) => id === run.id);
  const fits = chosen.every(({ workflow_name }) => workflow_name === run.workflow_name);
  return (
    <Checkbox
      size="xs"
      className="above"
      aria-label={`Compare ${run.workflow_name}, ${run.id}`}
      checked={isChosen}
      disabled={!isChosen && (chosen.length === 2 || !fits)}
      onChange={() =>
        onMark(isChosen ? chosen.filter(({ id }) => id !== run.id) : [...chosen, run])
      }
    />
  );
}
