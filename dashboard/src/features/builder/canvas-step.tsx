import { memo, type PointerEvent, type RefObject } from "react";
import { Glyph } from "@/components/icons";
import { State } from "@/components/state";
import { NODE } from "@/features/runs/graph/layout";
import { count } from "@/lib/format";
import { record, type Step } from "./model/workflow";

/** What is done with a step; in a place that stays the same, so that steps do when it changes. */
export type StepActions = RefObject<{
  pull: (step: string, press: PointerEvent) => void;
  choose: (step: string, adds: boolean) => void;
}>;

/** A step as a box: what runs, under which conditions, and whether something is wrong with it. */
export const StepBox = memo(function StepBox({
  step,
  at,
  vertical,
  isSelected,
  asksFirst,
  issues,
  actions,
}: {
  step: Step;
  at: { x: number; y: number };
  vertical: boolean;
  isSelected: boolean;
  asksFirst: boolean;
  issues: string;
  actions: StepActions;
}) {
  const notes = notesOf(step);
  const wrong = issues === "" ? [] : issues.split("\n");
  return (
    <div className="canvas-step" data-step={step.name} style={{ left: at.x, top: at.y, ...NODE }}>
      <button
        type="button"
        className="step-box edge"
        data-tone={wrong.length > 0 ? "bad" : asksFirst ? "waiting" : undefined}
        title={issues || undefined}
        data-gate={asksFirst || undefined}
        data-selected={isSelected || undefined}
        aria-pressed={isSelected}
        onClick={({ ctrlKey, metaKey, shiftKey }) =>
          actions.current.choose(step.name, ctrlKey || metaKey || shiftKey)
        }
      >
        <span className="step-name clip">{step.name}</span>
        <span className="step-agent mono clip">{step.agent || "no agent"}</span>
        <span className="step-foot">
          {wrong.length > 0 ? (
            <span className="state" data-tone="bad">
              <Glyph tone="bad" />
              <span className="clip">
                {wrong.length === 1 ? issues : count(wrong.length, "problem")}
              </span>
            </span>
          ) : (
            asksFirst && <State state="waiting" word="asks first" />
          )}
          {wrong.length === 0 && <span className="muted clip">{notes.join(", ")}</span>}
        </span>
      </button>
      <span
        className="pull"
        data-side={vertical ? "bottom" : "right"}
        title="Pull to the step that is to wait for this one"
        onPointerDown={(press) => actions.current.pull(step.name, press)}
      />
    </div>
  );
});

function notesOf({ settings }: Step): string[] {
  const tries = Number(record(settings.retry).max);
  return [
    settings.when !== undefined && "if",
    typeof settings.run_if === "string" && settings.run_if !== "success" && settings.run_if,
    tries > 0 && count(tries, "retry", "retries"),
  ].filter((note): note is string => typeof note === "string");
}
