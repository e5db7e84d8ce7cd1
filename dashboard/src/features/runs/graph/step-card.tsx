import { memo, type RefObject } from "react";
import type { StepView } from "@/api/generated/schema";
import { State } from "@/components/state";
import { Elapsed } from "@/components/time";
import { toneOf } from "@/lib/status";

/** Opens a step; in a place that stays the same, so that cards do when it changes. */
export type Open = RefObject<(node: string) => void>;

/** A step in the graph; `style` says where, where the graph does not. */
export const StepCard = memo(function StepCard({
  step,
  isSelected,
  open,
  style,
}: {
  step: StepView;
  isSelected: boolean;
  open: Open;
  style?: React.CSSProperties;
}) {
  const isGate = step.approval_id !== null || step.risk === "APPROVAL_REQUIRED";
  return (
    <button
      type="button"
      className="step-box edge"
      data-tone={toneOf(step.state)}
      data-gate={isGate || undefined}
      data-selected={isSelected || undefined}
      style={style}
      onClick={() => open.current(step.node)}
    >
      <span className="step-name clip">{step.node}</span>
      <span className="step-agent mono clip">{step.agent}</span>
      <span className="step-foot">
        <State state={step.state} />
        <span className="muted">
          {step.attempts.length > 1 && `#${step.attempts.length} `}
          {step.started_at !== null && <Elapsed from={step.started_at} to={step.finished_at} />}
        </span>
      </span>
    </button>
  );
});
