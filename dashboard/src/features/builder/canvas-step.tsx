import type { PointerEvent } from "react";
import { State } from "@/components/state";
import { NODE } from "@/features/runs/graph/layout";
import { count } from "@/lib/format";
import { record, type Step } from "./model/workflow";

/** A step as a box: what runs, under which conditions, and whether something is wrong with it. */
export function StepBox({
  step,
  at,
  vertical,
  isSelected,
  asksFirst,
  issues,
  onPull,
  onChoose,
}: {
  step: Step;
  at: { x: number; y: number };
  vertical: boolean;
  isSelected: boolean;
  asksFirst: boolean;
  issues: number;
  onPull: (press: PointerEvent) => void;
  onChoose: (adds: boolean) => void;
}) {
  const notes = notesOf(step);
  return (
    <div className="canvas-step" data-step={step.name} style={{ left: at.x, top: at.y, ...NODE }}>
      <button
        type="button"
        className="step-box edge"
        data-tone={issues > 0 ? "bad" : asksFirst ? "waiting" : undefined}
        data-gate={asksFirst || undefined}
        data-selected={isSelected || undefined}
        aria-pressed={isSelected}
        onClick={(event) => onChoose(event.ctrlKey || event.metaKey || event.shiftKey)}
      >
        <span className="step-name clip">{step.name}</span>
        <span className="step-agent mono clip">{step.agent || "no agent"}</span>
        <span className="step-foot">
          {issues > 0 ? (
            <State state="error" tone="bad" word={count(issues, "problem")} />
          ) : (
            asksFirst && <State state="waiting" word="asks first" />
          )}
          <span className="muted clip">{notes.join(", ")}</span>
        </span>
      </button>
      <span
        className="pull"
        data-side={vertical ? "bottom" : "right"}
        title="Pull to the step that is to wait for this one"
        onPointerDown={onPull}
      />
    </div>
  );
}

function notesOf({ settings }: Step): string[] {
  const tries = Number(record(settings.retry).max);
  return [
    settings.when !== undefined && "if",
    typeof settings.run_if === "string" && settings.run_if !== "success" && settings.run_if,
    tries > 0 && `+${tries} tries`,
  ].filter((note): note is string => typeof note === "string");
}
