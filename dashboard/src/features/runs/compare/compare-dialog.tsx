import { Modal } from "@mantine/core";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { RunSummary, RunView } from "@/api/generated/schema";
import { runPages, runs as runsQuery } from "@/api/queries";
import { More } from "@/components/more";
import { Problem } from "@/components/problem";
import { State } from "@/components/state";
import { Ago, Elapsed } from "@/components/time";

const NEWEST = 50;

/** The workflow's other runs, each leading to its comparison with this one; the one before first. */
export default function CompareDialog({ run, onClose }: { run: RunView; onClose: () => void }) {
  const workflow = run.workflow_name;
  const earlier = useInfiniteQuery(runPages({ workflow }, run.id));
  const newest = useQuery(runsQuery({ workflow }, NEWEST));
  const befores = earlier.data?.pages.flatMap(({ items }) => items) ?? [];
  const there = new Set([run.id, ...befores.map(({ id }) => id)]);
  const afters =
    newest.data?.items.filter(
      ({ id, created_at }) => !there.has(id) && created_at >= run.created_at,
    ) ?? [];
  const error = earlier.error ?? newest.error;
  const isAlone = earlier.isSuccess && newest.isSuccess && befores.length + afters.length === 0;
  return (
    <Modal opened onClose={onClose} title={`Compare with another run of ${workflow}`} size="lg">
      <div className="stack">
        {error !== null && <Problem error={error} />}
        {isAlone && <p className="muted">There is no other run of {workflow} yet.</p>}
        <Runs title="Earlier runs" runs={befores} with={run.id} onClose={onClose} />
        <More of={earlier}>Older runs</More>
        <Runs title="Later runs" runs={afters} with={run.id} onClose={onClose} />
      </div>
    </Modal>
  );
}

function Runs({
  title,
  runs,
  with: id,
  onClose,
}: {
  title: string;
  runs: RunSummary[];
  with: string;
  onClose: () => void;
}) {
  if (runs.length === 0) return null;
  return (
    <section aria-label={title}>
      <h3>{title}</h3>
      <ul className="rows">
        {runs.map((run) => (
          <li key={run.id} className="row">
            <Link
              className="cover mono grow clip"
              to="/runs/$run/compare/$other"
              params={{ run: id, other: run.id }}
              onClick={onClose}
            >
              {run.id}
            </Link>
            <div className="run-when">
              <State state={run.state} />
              <span className="small muted">
                version {run.workflow_version} · <Ago at={run.created_at} />
                {run.started_at !== null && " · "}
                <Elapsed from={run.started_at} to={run.finished_at} />
              </span>
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}
