import dagre from "@dagrejs/dagre";

export const NODE = { width: 196, height: 62 };

const BESIDE = 18;
const BETWEEN = 44;
const MARGIN = 8;

export type Placed = { id: string; x: number; y: number };

/** From here on dagre takes too long, tens of seconds for a thousand nodes. */
export const MANY = 150;

type Needing = { id: string; needs: string[] };

/** Give each node a place, from left to right or from top to bottom, so that edges point one way. */
export function layout(nodes: Needing[], direction: "LR" | "TB"): Placed[] {
  return nodes.length > MANY ? inLayers(nodes, direction) : drawn(nodes, direction);
}

function drawn(nodes: Needing[], direction: "LR" | "TB"): Placed[] {
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({
    rankdir: direction,
    nodesep: BESIDE,
    ranksep: BETWEEN,
    marginx: MARGIN,
    marginy: MARGIN,
  });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const node of nodes) graph.setNode(node.id, { ...NODE });
  for (const node of nodes) for (const need of node.needs) graph.setEdge(need, node.id);
  dagre.layout(graph);
  return nodes.map(({ id }) => {
    const { x, y } = graph.node(id);
    return { id, x: x - NODE.width / 2, y: y - NODE.height / 2 };
  });
}

/**
 * The quick way: each node in the layer after the last one that it needs, and there near what it
 * needs. Layers stand in the middle of the longest one.
 */
function inLayers(nodes: Needing[], direction: "LR" | "TB"): Placed[] {
  const layers = layersOf(nodes);
  const order = new Map<string, number>();
  for (const layer of layers) {
    const wanted = new Map(layer.map((node, index) => [node, meanOf(node, order) ?? index]));
    layer.sort((one, other) => (wanted.get(one) ?? 0) - (wanted.get(other) ?? 0));
    layer.forEach(({ id }, index) => {
      order.set(id, index - layer.length / 2);
    });
  }
  const longest = layers.reduce((most, { length }) => Math.max(most, length), 0);
  const places = new Map<string, { along: number; across: number }>();
  layers.forEach((layer, along) => {
    for (const { id } of layer)
      places.set(id, { along, across: (order.get(id) ?? 0) + longest / 2 });
  });
  return nodes.map(({ id }) => {
    const { along = 0, across = 0 } = places.get(id) ?? {};
    const [column, row] = direction === "LR" ? [along, across] : [across, along];
    const [gapX, gapY] = direction === "LR" ? [BETWEEN, BESIDE] : [BESIDE, BETWEEN];
    return {
      id,
      x: MARGIN + column * (NODE.width + gapX),
      y: MARGIN + row * (NODE.height + gapY),
    };
  });
}

/** Nodes by how many stand before them at most; those of a circle as far as it can be told. */
function layersOf(nodes: Needing[]): Needing[][] {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const depths = new Map<string, number>();
  const open = new Set<string>();
  for (const { id } of nodes) {
    // Without recursion: a chain of thousands is deeper than the stack.
    const path = [id];
    for (let at = path.at(-1); at !== undefined; at = path.at(-1)) {
      const needs = byId.get(at)?.needs ?? [];
      open.add(at);
      const missing = needs.find((need) => !depths.has(need) && !open.has(need) && byId.has(need));
      if (missing !== undefined) path.push(missing);
      else {
        depths.set(at, Math.max(0, ...needs.map((need) => (depths.get(need) ?? -1) + 1)));
        path.pop();
      }
    }
  }
  const layers = new Map<number, Needing[]>();
  for (const node of nodes) {
    const depth = depths.get(node.id) ?? 0;
    const layer = layers.get(depth);
    if (layer === undefined) layers.set(depth, [node]);
    else layer.push(node);
  }
  return [...layers].sort(([one], [other]) => one - other).map(([, layer]) => layer);
}

function meanOf({ needs }: Needing, order: ReadonlyMap<string, number>): number | null {
  const known = needs.flatMap((need) => order.get(need) ?? []);
  return known.length === 0 ? null : known.reduce((sum, each) => sum + each, 0) / known.length;
}
