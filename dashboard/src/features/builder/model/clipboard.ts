import { type Document, isMap, isScalar, YAMLMap } from "yaml";
import { addStep } from "./edits";
import { parse } from "./keep-format";
import { record, type Step, stepsIn } from "./workflow";

/** A name for a new step that no other has. */
export function freeName(wanted: string, taken: ReadonlySet<string>): string {
  const clean = wanted.replaceAll(/[^A-Za-z0-9_-]+/g, "-").replace(/^[^A-Za-z_]+/, "");
  const base = (clean || "step").slice(0, 58);
  for (let number = 1; ; number++) {
    const name = number === 1 ? base : `${base}-${number}`;
    if (!taken.has(name)) return name;
  }
}

/** The chosen steps as they are written, as YAML of their own. */
export function copied(text: string, names: ReadonlySet<string>): string {
  const document: Document = parse(text);
  const nodes = document.get("nodes");
  if (!isMap(nodes)) return "";
  const chosen = new YAMLMap();
  chosen.items = nodes.items.filter(({ key }) => isScalar(key) && names.has(String(key.value)));
  document.contents = chosen as never;
  document.commentBefore = null;
  document.comment = null;
  return document.toString({ lineWidth: 0 });
}

/**
 * Return the steps in a pasted text: a mapping of names to steps, or a whole workflow; none where
 * it is something else. Those of them that need each other still do under their new names, and
 * what they need of the steps that are there they go on needing.
 */
export function pasted(text: string, there: readonly Step[]): Step[] {
  const document = parse(text);
  if (document.errors.length > 0) return [];
  let value = record(document.toJS());
  if ("nodes" in value) value = record(value.nodes);
  const steps = stepsIn(value);
  if (steps.length === 0 || steps.some(({ agent }) => agent === "")) return [];
  const taken = new Set(there.map(({ name }) => name));
  const renamed = new Map<string, string>();
  for (const { name } of steps) {
    const free = freeName(name, taken);
    taken.add(free);
    renamed.set(name, free);
  }
  return steps.map((step) => {
    const needs = step.needs.flatMap(
      (need) => renamed.get(need) ?? (there.some(({ name }) => name === need) ? need : []),
    );
    const { agent, needs: _, ...settings } = step.settings;
    return {
      ...step,
      name: renamed.get(step.name) ?? step.name,
      needs,
      settings: { agent, ...(needs.length > 0 ? { needs } : {}), ...settings },
    };
  });
}

export function addSteps(steps: readonly Step[]) {
  return (document: Document): void => {
    for (const { name, settings } of steps) addStep(name, settings)(document);
  };
}
