import "./gantt.css";
import { memo } from "react";
import type { AttemptView, RunView } from "@/api/generated/schema";
import { useNow } from "@/lib/clock";
import { duration } from "@/lib/format";
import { hasEnded, toneOf } from "@/lib/status";

type Span = { from: number; to: number; tone: string; kind: "work" | "queue" | "gate" };
type Row = {
  key: string;
  node: string;
  label: string;
  attempt: number | undefined;
  check: boolean;
  state: string;
  spans: Span[];
};

type Open = (node: string, attempt: number | undefined, check: boolean) => void;
type RowProps = {
  runId: string;
  row: Row;
  start: number;
  span: number;
  isSelected: boolean;
  onOpen: Open;
};

const ms = (at: string | null): number | null => (at === null ? null : new Date(at).getTime());

/** The rows of a run: each attempt, each check, each wait at a gate, in the order of the steps. */
export function rowsOf(run: RunView, now: number): Row[] {
  const end = ms(run.finished_at) ?? now;
  const bar = (attempt: AttemptView): Span[] => {
    const created = ms(attempt.created_at) ?? end;
    const started = ms(attempt.started_at) ?? created;
    return [
      { from: created, to: started, tone: "idle", kind: "queue" },
      {
        from: started,
        to: ms(attempt.finished_at) ?? end,
        tone: toneOf(attempt.state),
        kind: "work",
      },
    ];
  };
  return (run.steps ?? []).flatMap((step): Row[] => {
    const row = (attempt: AttemptView, check: boolean): Row => ({
      key: attempt.id,
      node: step.node,
      label: check ? `${step.node} check` : step.node,
      attempt: attempt.number,
      check,
      state: attempt.state,
      spans: bar(attempt),
    });
    const gates = (run.approvals ?? [])
      .filter((approval) => approval.node === step.node)
      .map(
        (approval): Row => ({
          key: approval.id,
          node: step.node,
          label: `${step.node} approval`,
          attempt: undefined,
          check: false,
          state: approval.state === "pending" ? "waiting" : approval.state,
          spans: [
            {
              from: ms(approval.created_at) ?? end,
              to: ms(approval.decided_at) ?? end,
              tone: approval.state === "pending" ? "waiting" : toneOf(approval.state),
              kind: "gate",
            },
          ],
        }),
      );
    const rows = [
      ...step.checks.map((check) => row(check, true)),
      ...gates,
      ...step.attempts.map((attempt) => row(attempt, false)),
    ];
    if (rows.length > 0) return rows;
    const { node, state } = step;
    return [{ key: node, node, label: node, attempt: undefined, check: false, state, spans: [] }];
  });
}

/** Every attempt as a bar on the run's own time. */
export function Gantt({
  run,
  selected,
  onOpen,
}: {
  run: RunView;
  selected: string | undefined;
  onOpen: Open;
}) {
  const clock = useNow().getTime();
  const now = hasEnded(run.state) ? (ms(run.finished_at) ?? clock) : clock;
  const start = ms(run.created_at) ?? now;
  const span = Math.max(1000, now - start);
  const rows = rowsOf(run, now);
  return (
    <div className="gantt">
      <ol>
        {rows.map((row) => (
          <GanttRow
            key={row.key}
            runId={run.id}
            row={row}
            start={start}
            span={span}
            isSelected={row.node === selected}
            onOpen={onOpen}
          />
        ))}
      </ol>
      <div className="gantt-axis small muted" aria-hidden="true">
        <span>0</span>
        <span>{duration(span / 2000)}</span>
        <span>{duration(span / 1000)}</span>
      </div>
    </div>
  );
}

const GanttRow = memo(function GanttRow({ row, start, span, isSelected, onOpen }: RowProps) {
  const last = row.spans.at(-1);
  return (
    <li>
      <button
        type="button"
        className="gantt-row"
        data-selected={isSelected || undefined}
        onClick={() => onOpen(row.node, row.attempt, row.check)}
      >
        <span className="gantt-label clip">
          {row.label}
          {row.attempt !== undefined && row.attempt > 1 && (
            <span className="muted"> #{row.attempt}</span>
          )}
        </span>
        <span className="gantt-lane">
          {row.spans.map((each) => (
            <span
              key={each.kind}
              className={`gantt-bar ${each.kind}`}
              data-tone={each.tone}
              title={`${row.label}: ${each.kind === "queue" ? "until it began" : row.state}, ${duration((each.to - each.from) / 1000)}`}
              style={{
                left: `${((each.from - start) / span) * 100}%`,
                width: `${(Math.max(0, each.to - each.from) / span) * 100}%`,
              }}
            />
          ))}
        </span>
        <span className="gantt-time mono">
          <span className="sr-only">{row.state} </span>
          {last === undefined ? row.state : duration((last.to - last.from) / 1000)}
        </span>
      </button>
    </li>
  );
}, isUntouched);

/** Whether a row looks the same as before: of a thousand steps, most have not begun. */
function isUntouched(before: RowProps, after: RowProps): boolean {
  return (
    before.runId === after.runId &&
    before.row.spans.length === 0 &&
    after.row.spans.length === 0 &&
    before.row.state === after.row.state &&
    before.isSelected === after.isSelected
  );
}
