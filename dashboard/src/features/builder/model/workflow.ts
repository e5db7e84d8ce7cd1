import { type Document, isMap, isScalar, type LineCounter } from "yaml";
import { read } from "./keep-format";

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
  const { document, counter } = read(text);
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
  const needs = new Map(steps.map((step) => [step.name, step.needs]));
  return reached(name, (each) => needs.get(each)?.filter((need) => needs.has(need)) ?? []);
}

function reached(name: string, next: (name: string) => readonly string[]): string[] {
  const found = new Set<string>();
  const open = [...next(name)];
  for (let at = 0; at < open.length; at++) {
    const each = open[at] ?? "";
    if (found.has(each)) continue;
    found.add(each);
    open.push(...next(each));
  }
  return [...found];
}

/** The steps that `name` may need: not itself, none it needs already, and none that waits for it. */
export function possibleNeeds(steps: readonly Step[], name: string): string[] {
  const waiting = new Map<string, string[]>(steps.map((step) => [step.name, []]));
  for (const step of steps) for (const need of step.needs) waiting.get(need)?.push(step.name);
  const needs = steps.find((step) => step.name === name)?.needs;
  if (needs === undefined) return [];
  const taken = new Set([name, ...needs, ...reached(name, (each) => waiting.get(each) ?? [])]);
  return [...waiting.keys()].filter((each) => !taken.has(each));
}

const NAME = /^[A-Za-z_][A-Za-z0-9_-]{0,62}$/;

/** Why a step cannot be given this name; nothing where it can, or has it already. */
export function nameProblem(
  steps: readonly Step[],
  step: string,
  wanted: string,
): string | undefined {
  if (wanted === step) return undefined;
  if (steps.some(({ name }) => name === wanted)) return "Another step has this name.";
  if (wanted === "") return "A step needs a name.";
  if (wanted.length > 63) return "A name has 63 characters at most.";
  return NAME.test(wanted)
    ? undefined
    : "A name has letters, digits, dashes and underscores, and no digit or dash first.";
}

/** Whether `to` may need `from`: both are there, not yet connected, and no circle comes of it. */
export function canConnect(steps: readonly Step[], from: string, to: string): boolean {
  return possibleNeeds(steps, to).includes(from);
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
