import { useEffect, useRef } from "react";
import { copied, pasted } from "./model/clipboard";
import type { Step } from "./model/workflow";
import type { Builder } from "./use-builder";

const isField = (target: EventTarget | null) =>
  target instanceof Element && target.matches("input, textarea, select");
const hasDialog = () => document.querySelector('[role="dialog"]') !== null;

/**
 * The keys of the whole page: undo and redo also in fields, as what is written there is in the
 * YAML at once; copy, cut and paste of steps wherever no text is meant.
 */
export function useKeys(
  builder: Builder,
  on: { save: () => void; remove: () => void; paste: (steps: Step[]) => void },
): void {
  const now = useRef({ builder, on });
  now.current = { builder, on };
  useEffect(() => {
    const finished = new AbortController();
    const options = { signal: finished.signal };
    window.addEventListener(
      "keydown",
      (event) => {
        if (!(event.ctrlKey || event.metaKey) || event.altKey || hasDialog()) return;
        const key = event.key.toLowerCase();
        const { builder, on } = now.current;
        if (key === "z") (event.shiftKey ? builder.redo : builder.undo)();
        else if (key === "y") builder.redo();
        else if (key === "s") on.save();
        else return;
        event.preventDefault();
      },
      options,
    );
    const copy = (event: ClipboardEvent) => {
      const { builder, on } = now.current;
      const { steps } = builder.selection;
      const isText = isField(event.target) || window.getSelection()?.isCollapsed === false;
      if (isText || hasDialog() || steps.size === 0) return;
      event.preventDefault();
      event.clipboardData?.setData("text/plain", copied(builder.text, steps));
      if (event.type === "cut") on.remove();
    };
    document.addEventListener("copy", copy, options);
    document.addEventListener("cut", copy, options);
    document.addEventListener(
      "paste",
      (event) => {
        if (isField(event.target) || hasDialog()) return;
        const text = event.clipboardData?.getData("text/plain") ?? "";
        const steps = pasted(text, now.current.builder.workflow.steps);
        if (steps.length > 0) now.current.on.paste(steps);
      },
      options,
    );
    return () => finished.abort();
  }, []);
}
