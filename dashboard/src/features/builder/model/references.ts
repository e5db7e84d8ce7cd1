import { ancestors, record, type Workflow } from "./workflow";

/** Something a template or condition may refer to. */
export type Reference = { label: string; detail: string };

/** What is known beyond the text: outputs by step, as declared and as they came last. */
export type Facts = {
  schemas: ReadonlyMap<string, Record<string, unknown>>;
  lastOutputs: ReadonlyMap<string, unknown>;
};

const RUN = ["id", "workflow", "version", "project", "started_at", "started_by"];
const DEEP = 4;
const MOST = 400;
const LONG = 32;

/** Return what a step may refer to; the run's own outputs (`null`) may speak of every step. */
export function references(workflow: Workflow, step: string | null, facts: Facts): Reference[] {
  const needed =
    step === null ? workflow.steps.map(({ name }) => name) : ancestors(workflow.steps, step);
  const found: Reference[] = Object.entries(workflow.inputs).map(([name, input]) => ({
    label: `inputs.${name}`,
    detail: typeof input.type === "string" ? input.type : "string",
  }));
  for (const name of needed) {
    const outputs = `nodes.${name}.outputs`;
    const schema = facts.schemas.get(name);
    const last = facts.lastOutputs.get(name);
    const fields = new Map<string, string>();
    if (schema !== undefined) declared(outputs, schema, schema, 0, fields);
    if (last !== undefined) real(outputs, last, 0, fields);
    found.push(
      { label: outputs, detail: "object" },
      ...[...fields].slice(0, MOST).map(([label, detail]) => ({ label, detail })),
      { label: `nodes.${name}.state`, detail: "string" },
      { label: `nodes.${name}.error`, detail: "why it failed" },
    );
  }
  found.push(
    ...RUN.map((name) => ({ label: `run.${name}`, detail: "this run" })),
    { label: "trigger.kind", detail: "what started the run" },
    { label: "trigger.payload", detail: "what it brought" },
  );
  return found;
}

type Schema = Record<string, unknown>;

function declared(
  path: string,
  at: Schema,
  root: Schema,
  depth: number,
  into: Map<string, string>,
) {
  for (const [name, value] of Object.entries(record(at.properties))) {
    const schema = resolved(record(value), root);
    const label = `${path}.${name}`;
    into.set(label, typeName(schema));
    if (depth < DEEP) declared(label, schema, root, depth + 1, into);
  }
}

/** Follow a reference into the same schema; the few there are lead to no other. */
export function resolved(schema: Schema, root: Schema): Schema {
  const pointer = schema.$ref;
  if (typeof pointer !== "string" || !pointer.startsWith("#/")) return schema;
  return record(
    pointer
      .slice(2)
      .split("/")
      .reduce<unknown>((value, key) => record(value)[key], root),
  );
}

export function typeName(schema: Schema): string {
  if (Array.isArray(schema.enum)) return schema.enum.map(String).join(" | ");
  const types = [schema.type].flat().filter((type) => typeof type === "string");
  return types.length === 0 ? "anything" : types.join(" | ").replace("array", "list");
}

function real(path: string, value: unknown, depth: number, into: Map<string, string>): void {
  for (const [name, each] of Object.entries(record(value))) {
    const label = `${path}.${name}`;
    into.set(label, `last: ${short(each)}`);
    if (depth < DEEP && into.size < MOST) real(label, each, depth + 1, into);
  }
}

function short(value: unknown): string {
  if (Array.isArray(value)) return `list of ${value.length}`;
  const text = JSON.stringify(value) ?? "";
  return text.length > LONG ? `${text.slice(0, LONG)}…` : text;
}
