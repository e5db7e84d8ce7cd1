import { replaceEqualDeep } from "@tanstack/react-query";
import { useCallback, useDeferredValue, useMemo, useReducer, useRef, useState } from "react";
import type { Document } from "yaml";
import { begin, changed } from "./model/history";
import { EditRefused, edited } from "./model/keep-format";
import { EMPTY, type Lines, readWorkflow, type Workflow } from "./model/workflow";

export type Selection = {
  steps: ReadonlySet<string>;
  edge: { from: string; to: string } | null;
};

export const NOTHING: Selection = { steps: new Set(), edge: null };
export const only = (name: string): Selection => ({ steps: new Set([name]), edge: null });

export type Builder = {
  text: string;
  /** What the text says; what it said last while it cannot be read. */
  workflow: Workflow;
  isReadable: boolean;
  /** Where each step stands in the text. */
  lines: readonly Lines[];
  selection: Selection;
  select: (selection: Selection) => void;
  canUndo: boolean;
  canRedo: boolean;
  undo: () => void;
  redo: () => void;
  /** The text was written; changes of one topic that follow each other are undone together. */
  write: (text: string, topic?: string) => void;
  /** Change the text through its document. Returns whether that was possible. */
  edit: (change: (document: Document) => void, topic?: string) => boolean;
  /** Why the last change was not made. */
  refused: string | null;
};

/** The topic of what is written in the text itself. */
export const YAML = "yaml";

/** Text fields know no other line breaks. */
export const withPlainBreaks = (text: string) => text.replaceAll("\r\n", "\n");

/** The text of a workflow is all the state there is; the graph and the forms are read from it. */
export function useBuilder(source: string, draft: string | null): Builder {
  const [history, dispatch] = useReducer(changed, source, (stored) =>
    draft === null ? begin(stored) : changed(begin(stored), { type: "set", text: draft, at: 0 }),
  );
  const [selection, select] = useState(NOTHING);
  const [refused, setRefused] = useState<string | null>(null);
  const { text } = history;
  const now = useRef(text);
  now.current = text;

  // What is written in the YAML appears first, and what it means a moment later; fields of a form
  // show what was read, so that they cannot wait.
  const later = useDeferredValue(text);
  const settled = history.topic === YAML ? later : text;
  const read = useMemo(() => readWorkflow(settled), [settled]);
  const last = useRef<Workflow>(EMPTY);
  // What is as before stays the same object: steps that did not change are not drawn again.
  if (read.workflow !== null) last.current = replaceEqualDeep(last.current, read.workflow);

  const write = useCallback((next: string, topic?: string) => {
    setRefused(null);
    now.current = withPlainBreaks(next);
    dispatch({ type: "set", text: now.current, topic, at: Date.now() });
  }, []);
  const edit = useCallback(
    (change: (document: Document) => void, topic?: string) => {
      try {
        write(edited(now.current, change), topic);
        return true;
      } catch (error) {
        if (!(error instanceof EditRefused)) throw error;
        setRefused(error.message);
        return false;
      }
    },
    [write],
  );
  const move = useCallback((type: "undo" | "redo") => {
    setRefused(null);
    dispatch({ type });
  }, []);
  return {
    text,
    workflow: last.current,
    isReadable: read.workflow !== null,
    lines: read.lines,
    selection: present(selection, last.current),
    select,
    canUndo: history.past.length > 0,
    canRedo: history.future.length > 0,
    undo: useCallback(() => move("undo"), [move]),
    redo: useCallback(() => move("redo"), [move]),
    write,
    edit,
    refused,
  };
}

/** What of the selection is still there. */
function present(selection: Selection, { steps }: Workflow): Selection {
  const { edge } = selection;
  const needs = steps.find(({ name }) => name === edge?.to)?.needs;
  return {
    steps: new Set(steps.map(({ name }) => name).filter((name) => selection.steps.has(name))),
    edge: edge !== null && needs?.includes(edge.from) ? edge : null,
  };
}
