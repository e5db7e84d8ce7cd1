import type { LimitView } from "@/api/generated/schema";

const WIDTH = 120;
const HEIGHT = 28;
const LEAST = 0.1; // of the limit
const KEPT = 90; // three minutes, at a look each two seconds

/** The last values of one measure; grows by one with each look and forgets the oldest. */
export function remember(history: number[], value: number | null): number[] {
  return value === null ? history : [...history, value].slice(-KEPT);
}

/** What was used over the last minutes under its limit, small enough for a row. */
export function UsageChart({
  name,
  history,
  limit,
  show,
}: {
  name: string;
  history: number[];
  limit: LimitView;
  show: (value: number) => string;
}) {
  const bound = limit.actual ?? limit.asked;
  // The curve shows how use moves, the meter below how much of the limit that is. What is next to
  // nothing is not drawn large.
  const top = Math.max(Math.max(...history) * 1.25, (bound ?? 0) * LEAST, Number.EPSILON);
  const x = (index: number) => WIDTH - (history.length - 1 - index) * (WIDTH / (KEPT - 1));
  const y = (value: number) => HEIGHT - 1 - (value / top) * (HEIGHT - 2);
  const line = history.map((value, index) => `${x(index)},${y(value)}`).join(" ");
  const used = limit.used;
  const isNear = used !== null && bound !== null && used > bound * 0.9;
  return (
    <div className="usage">
      <div className="usage-name small muted">{name}</div>
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        width={WIDTH}
        height={HEIGHT}
        aria-hidden="true"
        data-tone={isNear ? "bad" : "active"}
      >
        {history.length > 1 && (
          <>
            <polygon points={`${x(0)},${HEIGHT} ${line} ${WIDTH},${HEIGHT}`} />
            <polyline points={line} />
          </>
        )}
      </svg>
      {bound !== null && used !== null && (
        <div className="meter" data-tone={isNear ? "bad" : "active"}>
          <div style={{ width: `${Math.min(100, (used / bound) * 100)}%` }} />
        </div>
      )}
      <div className="small">
        <span className="sr-only">{name}: </span>
        {used === null ? <span className="muted">not running</span> : show(used)}
        <div className="muted">{limitWords(limit, show)}</div>
      </div>
    </div>
  );
}

/** The limit as the kernel has it, and as it was asked for where that differs. */
export function limitWords(
  { asked, actual, used }: LimitView,
  show: (value: number) => string,
): string {
  if (asked === null && actual === null) return "no limit";
  if (used === null) return `${show(asked ?? 0)} asked`;
  if (actual === null) return `${show(asked ?? 0)} asked, not enforced`;
  if (asked === null || Math.abs(asked - actual) < asked * 0.01) return `of ${show(actual)}`;
  return `of ${show(actual)}, ${show(asked)} asked`;
}
