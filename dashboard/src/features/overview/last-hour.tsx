import { Link } from "@tanstack/react-router";
import type { RunSummary } from "@/api/generated/schema";
import { useNow } from "@/lib/clock";
import { count } from "@/lib/format";
import { toneOf } from "@/lib/status";

const HOUR_MS = 3_600_000;
const WIDTH = 1000;
const LANE = 9;
const MAX_LANES = 8;

type Bar = { run: RunSummary; from: number; to: number; lane: number };

/** Place each run in the first lane that is free: none lies over another until all are full. */
export function lanes(runs: RunSummary[], now: number): Bar[] {
  const free: number[] = [];
  return runs
    .map((run) => ({
      run,
      from: Math.max(new Date(run.created_at).getTime(), now - HOUR_MS),
      to: run.finished_at === null ? now : new Date(run.finished_at).getTime(),
    }))
    .filter((bar) => bar.to >= now - HOUR_MS)
    .sort((one, other) => one.from - other.from)
    .map((bar) => {
      const found = free.findIndex((end) => end <= bar.from);
      const lane = found >= 0 ? found : Math.min(free.length, MAX_LANES - 1);
      free[lane] = Math.max(bar.to, bar.from + HOUR_MS / 200);
      return { ...bar, lane };
    });
}

/** Every run of the last hour as a bar from its start to its end. */
export function LastHour({ runs, waiting }: { runs: RunSummary[]; waiting: Set<string> }) {
  const now = useNow().getTime();
  const bars = lanes(runs, now);
  const height = (Math.max(0, ...bars.map((bar) => bar.lane)) + 1) * LANE + 26;
  const x = (at: number) => ((at - (now - HOUR_MS)) / HOUR_MS) * WIDTH;
  const failed = bars.filter((bar) => bar.run.state === "failed").length;
  return (
    <div className="body">
      <p className="small muted">
        {count(bars.length, "run")}
        {failed > 0 ? `, ${failed} failed` : ""}
      </p>
      <svg
        className="hour"
        viewBox={`0 0 ${WIDTH} ${height}`}
        preserveAspectRatio="none"
        height={height}
        role="group"
        aria-label="Runs of the last hour"
      >
        <line className="axis" x1={0} x2={WIDTH} y1={height - 20.5} y2={height - 20.5} />
        {bars.map((bar) => (
          <Link key={bar.run.id} to="/runs/$run" params={{ run: bar.run.id }}>
            <rect
              data-tone={waiting.has(bar.run.id) ? "waiting" : toneOf(bar.run.state)}
              x={x(bar.from)}
              y={2 + bar.lane * LANE}
              width={Math.max(3, x(bar.to) - x(bar.from))}
              height={LANE - 3}
              rx={1.5}
            >
              <title>{`${bar.run.workflow_name}, ${bar.run.state}`}</title>
            </rect>
          </Link>
        ))}
      </svg>
      <div className="hour-labels small muted" aria-hidden="true">
        <span>60 min ago</span>
        <span>30 min ago</span>
        <span>now</span>
      </div>
    </div>
  );
}
