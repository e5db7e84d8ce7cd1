import type { Reference } from "./references";

/** What could stand between `from` and `to` instead of what was written so far. */
export type Completion = { from: number; to: number; options: Reference[]; closing: string };

const MOST = 50;

/** Complete a name inside `{{ }}`. */
export function inTemplate(
  text: string,
  caret: number,
  known: readonly Reference[],
): Completion | null {
  const before = text.slice(Math.max(0, caret - 500), caret);
  const open = /(\{\{\{|\{\{[#^/&]?)\s*([\w.-]*)$/.exec(before);
  if (open === null) return null;
  const braces = (open[1] ?? "").startsWith("{{{") ? "}}}" : "}}";
  const isClosed = /^[\w.-]*\s*\}\}/.test(text.slice(caret));
  return offered(text, caret, open[2] ?? "", known, isClosed ? "" : braces);
}

/** Complete a name in a condition, once something of it is there or it was asked for. */
export function inCondition(
  text: string,
  caret: number,
  known: readonly Reference[],
  isAsked: boolean,
): Completion | null {
  const written = /[A-Za-z_][\w.-]*$/.exec(text.slice(Math.max(0, caret - 500), caret))?.[0] ?? "";
  return written === "" && !isAsked ? null : offered(text, caret, written, known, "");
}

export function offered(
  text: string,
  caret: number,
  written: string,
  known: readonly Reference[],
  closing: string,
): Completion | null {
  const rest = /^[\w-]*/.exec(text.slice(caret))?.[0] ?? "";
  const wanted = written.toLowerCase();
  const ranked = known
    .map((option) => ({ option, place: option.label.toLowerCase().indexOf(wanted) }))
    .filter(({ place }) => place !== -1)
    .sort((one, other) => Number(one.place > 0) - Number(other.place > 0))
    .map(({ option }) => option);
  if (ranked.length === 0) return null;
  if (ranked.length === 1 && ranked[0]?.label === written && closing === "") return null;
  return {
    from: caret - written.length,
    to: caret + rest.length,
    options: ranked.slice(0, MOST),
    closing,
  };
}

/** Complete wherever something is known in a workflow's text: agents, needs, names. */
export function inWorkflow(
  text: string,
  caret: number,
  known: { references: () => Reference[]; agents: Reference[]; steps: Reference[] },
  isAsked: boolean,
): Completion | null {
  const line = text.slice(text.lastIndexOf("\n", caret - 1) + 1, caret);
  const agent = /(?:^|[\s{,])agent:\s*([\w.-]*)$/.exec(line);
  if (agent !== null) return offered(text, caret, agent[1] ?? "", known.agents, "");
  const need = /(?:^|[\s{,])needs:\s*\[(?:[^\]]*,)?\s*([\w-]*)$/.exec(line);
  if (need !== null) return offered(text, caret, need[1] ?? "", known.steps, "");
  if (/(?:^|[\s{,])when:\s/.test(line))
    return inCondition(text, caret, known.references(), isAsked);
  return line.includes("{{") ? inTemplate(text, caret, known.references()) : null;
}
