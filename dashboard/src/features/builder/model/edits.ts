import {
  type Document,
  isCollection,
  isMap,
  isScalar,
  isSeq,
  type Pair,
  visit,
  YAMLMap,
  type YAMLSeq,
} from "yaml";
import { EditRefused } from "./keep-format";

/** The order in which a step's settings are written where there is none yet. */
const ORDER = [
  "agent",
  "description",
  "needs",
  "run_if",
  "when",
  "with",
  "retry",
  "timeout",
  "approval",
];

export type Path = readonly [string, ...(string | number)[]];

/** Add a step at the end. */
export function addStep(name: string, settings: Record<string, unknown>) {
  return (document: Document): void => {
    const nodes = nodesOf(document);
    if (nodes.items.length === 0) nodes.flow = false;
    const value = document.createNode(settings) as YAMLMap;
    const needs = value.get("needs");
    if (isSeq(needs)) needs.flow = true;
    nodes.add(document.createPair(name, value));
  };
}

/** Remove steps, and what other steps need of them. */
export function removeSteps(names: ReadonlySet<string>) {
  return (document: Document): void => {
    const nodes = nodesOf(document);
    for (const name of names) nodes.delete(name);
    for (const name of stepNames(nodes)) {
      setNeeds(document, name, (need) => !names.has(need));
    }
  };
}

/** Give a step another name, wherever it is spoken of. */
export function renameStep(from: string, to: string) {
  return (document: Document): void => {
    const nodes = nodesOf(document);
    const pair = nodes.items.find(({ key }) => isScalar(key) && key.value === from);
    if (!isScalar(pair?.key)) return;
    pair.key.value = to;
    for (const name of stepNames(nodes)) {
      const needs = nodes.getIn([name, "needs"]);
      if (!isSeq(needs)) continue;
      for (const need of needs.items) if (isScalar(need) && need.value === from) need.value = to;
    }
    const spoken = new RegExp(`(?<![\\w.-])nodes\\.${escaped(from)}(?![\\w-])`, "g");
    visit(document, {
      Scalar: (key, node) => {
        if (key !== "key" && typeof node.value === "string") {
          node.value = node.value.replaceAll(spoken, `nodes.${to}`);
        }
      },
    });
  };
}

const escaped = (text: string) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** Have `to` wait for `from`. */
export function connect(from: string, to: string) {
  return (document: Document): void => {
    const step = stepOf(document, to);
    const needs = step.get("needs");
    if (isSeq(needs)) needs.add(document.createNode(from));
    else {
      const created = document.createNode([from]) as YAMLSeq;
      created.flow = true;
      put(step, document.createPair("needs", created));
    }
  };
}

export function disconnect(from: string, to: string) {
  return (document: Document): void => setNeeds(document, to, (need) => need !== from);
}

/** Set one setting of a step; `undefined` removes it, and the inputs or retries that are then empty. */
export function setSetting(step: string, path: Path, value: unknown) {
  return (document: Document): void => {
    const map = stepOf(document, step);
    if (value === undefined) {
      map.deleteIn(path);
      const rest = map.get(path[0]);
      // An empty `approval` means something: it asks.
      if (path[0] !== "approval" && isCollection(rest) && rest.items.length === 0) {
        map.delete(path[0]);
      }
    } else if (path.length > 1 && !isCollection(map.get(path[0]))) {
      const inner = path.slice(1).reduceRight<unknown>((below, key) => ({ [key]: below }), value);
      map.delete(path[0]);
      put(map, document.createPair(path[0], inner));
    } else if (map.hasIn(path) || path.length > 1) {
      const isPlain = typeof value !== "object" || value === null;
      const written = map.getIn(path, true);
      // Quotes that only the text before needed are not kept.
      if (isScalar(written) && written.type?.startsWith("QUOTE")) written.type = undefined;
      map.setIn(path, isPlain ? value : document.createNode(value));
    } else put(map, document.createPair(path[0], value));
  };
}

function setNeeds(document: Document, step: string, keep: (need: string) => boolean): void {
  const map = nodesOf(document).get(step);
  if (!isMap(map)) return;
  const needs = map.get("needs");
  if (!isSeq(needs)) return;
  needs.items = needs.items.filter((item) => !isScalar(item) || keep(String(item.value)));
  if (needs.items.length === 0) map.delete("needs");
}

function nodesOf(document: Document): YAMLMap {
  if (document.contents === null) document.contents = document.createNode({}) as never;
  if (!isMap(document.contents)) {
    throw new EditRefused("The YAML is not a mapping with name and nodes.");
  }
  const nodes = document.contents.get("nodes");
  if (isMap(nodes)) return nodes as YAMLMap;
  const created = new YAMLMap();
  document.contents.set("nodes", created);
  return created;
}

function stepOf(document: Document, name: string): YAMLMap {
  const step = nodesOf(document).get(name);
  if (!isMap(step)) throw new EditRefused(`The step ${name} is not a mapping in the YAML.`);
  return step as YAMLMap;
}

function stepNames(nodes: YAMLMap): string[] {
  return nodes.items.map(({ key }) => (isScalar(key) ? String(key.value) : ""));
}

/** Put a new setting where the reader looks for it. */
function put(step: YAMLMap, pair: Pair): void {
  const rank = (key: unknown) => ORDER.indexOf(isScalar(key) ? String(key.value) : "");
  const mine = rank(pair.key);
  const place = step.items.findIndex(({ key }) => rank(key) > mine);
  if (place === -1) step.items.push(pair);
  else step.items.splice(place, 0, pair);
}
