import type { RunView, StepView } from "@/api/generated/schema";
import { unifiedDiff } from "@/lib/line-diff";

/** A step as two runs have it; `null` where a run does not have it. */
export type StepPair = {
  node: string;
  before: StepView | null;
  after: StepView | null;
  /** What is not the same, in words: "state", "outputs". Times are never. */
  differences: string[];
  /** By how much the later run took longer, in s; null unless it ended in both. */
  seconds: number | null;
};

type Timed = { started_at: string | null; finished_at: string | null };

/** How long something took, in s; null while it goes on, and where nothing was done. */
export function took({ started_at, finished_at }: Timed): number | null {
  if (started_at === null || finished_at === null) return null;
  return (new Date(finished_at).getTime() - new Date(started_at).getTime()) / 1000;
}

/** By how much `after` took longer, in s. */
export function longer(before: Timed, after: Timed): number | null {
  const [first, second] = [took(before), took(after)];
  return first === null || second === null ? null : second - first;
}

/** Two runs with the older one first, as its changes are told. */
export function inOrder(one: RunView, other: RunView): [RunView, RunView] {
  return new Date(one.created_at) <= new Date(other.created_at) ? [one, other] : [other, one];
}

/** Every step of either run, in the order of the later one; what it lacks stands where it stood. */
export function pairs(before: RunView, after: RunView): StepPair[] {
  const olds = new Map(before.steps?.map((step) => [step.node, step]));
  const news = new Map(after.steps?.map((step) => [step.node, step]));
  const nodes = [...news.keys()];
  let place = 0;
  for (const node of olds.keys()) {
    const found = nodes.indexOf(node);
    if (found === -1) nodes.splice(place, 0, node);
    place = (found === -1 ? place : found) + 1;
  }
  return nodes.map((node) => pair(node, olds.get(node) ?? null, news.get(node) ?? null));
}

function pair(node: string, before: StepView | null, after: StepView | null): StepPair {
  if (before === null || after === null) {
    return { node, before, after, differences: ["only in one"], seconds: null };
  }
  const compared: [string, unknown, unknown][] = [
    ["state", before.state, after.state],
    ["attempts", before.attempts.length, after.attempts.length],
    ["agent", agentOf(before), agentOf(after)],
    ["message", before.message, after.message],
    ["inputs", before.inputs, after.inputs],
    ["outputs", before.outputs, after.outputs],
  ];
  const differences = compared.filter(([, one, other]) => !same(one, other)).map(([name]) => name);
  // What was taken over took no time of this run.
  const isDone = before.reused_from === null && after.reused_from === null;
  return { node, before, after, differences, seconds: isDone ? longer(before, after) : null };
}

export const agentOf = (step: StepView) => `${step.agent}@${step.agent_version}`;

export function same(one: unknown, other: unknown): boolean {
  return one === other || jsonText(one) === jsonText(other);
}

/** Inputs without those that were not given. */
export function given(inputs: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(inputs).filter(([, value]) => value !== null));
}

/** A value as JSON whose keys are in order; texts of several lines are broken where theirs end. */
function jsonText(value: unknown): string {
  const text = JSON.stringify(value, (_, each) => (isRecord(each) ? sorted(each) : each), 2);
  return text.replace(/\\.(?!")/g, (escaped) => (escaped === "\\n" ? "\\n\n    " : escaped));
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const sorted = (value: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)));

const MOST_LINES = 1000;
const MOST_CHARACTERS = 2000;

/** The inputs that are not the same, one by one; `before` or `after` is undefined where not given. */
export function differing(
  before: Record<string, unknown>,
  after: Record<string, unknown>,
): { name: string; before: unknown; after: unknown }[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .map((name) => ({ name, before: before[name], after: after[name] }))
    .filter((each) => !same(each.before ?? null, each.after ?? null));
}

/** A text as it is, what was not given as nothing, and any other value as JSON. */
const plainly = (value: unknown): string =>
  value === undefined ? "" : typeof value === "string" ? value : jsonText(value);

/** The difference of two values as a unified diff, of which at most 1,000 lines are told. */
export function jsonDiff(before: unknown, after: unknown, name: string): Told {
  return bounded(unifiedDiff(jsonText(before), jsonText(after), name));
}

/** The same, with texts as they are. */
export function plainDiff(before: unknown, after: unknown, name: string): Told {
  return bounded(unifiedDiff(plainly(before), plainly(after), name));
}

type Told = { text: string; isCut: boolean };

function bounded(diff: string): Told {
  const lines = diff.split("\n");
  const isLong = (line: string) => line.length > MOST_CHARACTERS;
  const shown = lines.slice(0, MOST_LINES);
  return {
    text: shown
      .map((line) => (isLong(line) ? `${line.slice(0, MOST_CHARACTERS)}…` : line))
      .join("\n"),
    isCut: lines.length > MOST_LINES || shown.some(isLong),
  };
}
