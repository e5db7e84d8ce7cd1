import { type Document, isMap, isScalar, LineCounter } from "yaml";
import { parse } from "./keep-format";

export type Step = {
  name: string;
  agent: string;
  needs: string[];
  settings: Record<string, unknown>;
};

export type Workflow = {
  name: string;
  inputs: Record<string, Record<string, unknown>>;
  steps: Step[];
};

export const EMPTY: Workflow = { name: "", inputs: {}, steps: [] };

/** A text as far as it can be read: the workflow is null while it is not YAML. */
export type Reading = { workflow: Workflow | null; lines: Lines[] };

/** The lines of a step, counted from 1; known also of a text that is being written. */
export type Lines = { name: string; first: number; last: number };

export function readWorkflow(text: string): Reading {
  const counter = new LineCounter();
  const document = parse(text, counter);
  return {
    workflow: document.errors.length > 0 ? null : workflowOf(document),
    lines: linesOf(document, counter),
  };
}

function workflowOf(document: Document): Workflow | null {
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 1000 });
  } catch {
    return null;
  }
  const root = record(value);
  return {
    name: typeof root.name === "string" ? root.name : "",
    inputs: Object.fromEntries(
      Object.entries(record(root.inputs)).map(([name, input]) => [name, record(input)]),
    ),
    steps: stepsIn(record(root.nodes)),
  };
}

export function stepsIn(nodes: Record<string, unknown>): Step[] {
  return Object.entries(nodes).map(([name, node]) => stepOf(name, record(node)));
}

function stepOf(name: string, settings: Record<string, unknown>): Step {
  const needs = Array.isArray(settings.needs) ? settings.needs : [];
  return {
    name,
    agent: typeof settings.agent === "string" ? settings.agent : "",
    needs: [...new Set(needs.filter((need): need is string => typeof need === "string"))],
    settings,
  };
}

export function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}

/** Every step that has to end before this one, nearest first. */
export function ancestors(steps: readonly Step[], name: string): string[] {
  const byName = new Map(steps.map((step) => [step.name, step]));
  const found = new Set<string>();
  const open = [...(byName.get(name)?.needs ?? [])];
  for (let need = open.shift(); need !== undefined; need = open.shift()) {
    if (found.has(need) || !byName.has(need)) continue;
    found.add(need);
    open.push(...(byName.get(need)?.needs ?? []));
  }
  return [...found];
}

/** Whether `to` may need `from`: both are there, not yet connected, and no circle comes of it. */
export function canConnect(steps: readonly Step[], from: string, to: string): boolean {
  const target = steps.find(({ name }) => name === to);
  return (
    target !== undefined &&
    from !== to &&
    steps.some(({ name }) => name === from) &&
    !target.needs.includes(from) &&
    !ancestors(steps, from).includes(to)
  );
}

function linesOf(document: Document, counter: LineCounter): Lines[] {
  const nodes = isMap(document.contents) ? document.contents.get("nodes", true) : null;
  if (!isMap(nodes)) return [];
  return nodes.items.flatMap(({ key, value }) => {
    if (!isScalar(key) || !key.range) return [];
    const range = (value as { range?: [number, number, number] | null } | null)?.range;
    const first = counter.linePos(key.range[0]).line;
    // The end of a block lies behind its last line break.
    const end = range ? counter.linePos(Math.max(key.range[1], range[1] - 1)).line : first;
    return [{ name: String(key.value), first, last: Math.max(first, end) }];
  });
}
