import dagre from "@dagrejs/dagre";

export const NODE = { width: 196, height: 62 };

const BESIDE = 18;
const BETWEEN = 44;
const MARGIN = 8;

export type Point = { x: number; y: number };
export type Placed = Point & { id: string };

/**
 * Where nodes stand, by their ids; and by `edge` where lines between layers that are not next to
 * each other pass those in between, so that none runs behind a node.
 */
export type Drawing = {
  places: ReadonlyMap<string, Placed>;
  routes: ReadonlyMap<string, readonly Point[]>;
  width: number;
  height: number;
};

export const edge = (from: string, to: string) => `${from}>${to}`;

/** From here on dagre takes too long, tens of seconds for a thousand nodes. */
export const MANY = 150;

type Needing = { id: string; needs: string[] };

/** Give each node a place, from left to right or from top to bottom, so that edges point one way. */
export function layout(nodes: Needing[], direction: "LR" | "TB"): Drawing {
  return nodes.length > MANY ? inLayers(nodes, direction) : drawn(nodes, direction);
}

function drawn(nodes: Needing[], direction: "LR" | "TB"): Drawing {
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
  // One that needs itself would be given room on its side and a line through others.
  for (const { id, needs } of nodes) {
    for (const need of needs) if (need !== id) graph.setEdge(need, id);
  }
  dagre.layout(graph);
  const layers = new Set(nodes.map(({ id }) => along(graph.node(id), direction)));
  const { width = 0, height = 0 } = graph.graph();
  return {
    places: byId(
      nodes.map(({ id }) => {
        const { x, y } = graph.node(id);
        return { id, x: x - NODE.width / 2, y: y - NODE.height / 2 };
      }),
    ),
    routes: new Map(
      graph.edges().map(({ v, w }) => {
        // Its ends are where boxes stand, the other points between layers or in them.
        const inside = graph.edge(v, w).points.slice(1, -1) as Point[];
        return [edge(v, w), inside.filter((point) => layers.has(along(point, direction)))];
      }),
    ),
    width,
    height,
  };
}

/** Which layer a point is in, to a whole pixel. */
const along = ({ x, y }: Point, direction: "LR" | "TB") => Math.round(direction === "LR" ? x : y);

const byId = (placed: Placed[]) => new Map(placed.map((each) => [each.id, each]));

/**
 * The quick way: each node in the layer after the last one that it needs, and there near what it
 * needs. Layers stand in the middle of the longest one.
 */
function inLayers(nodes: Needing[], direction: "LR" | "TB"): Drawing {
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
  const placed = nodes.map(({ id }) => {
    const { along = 0, across = 0 } = places.get(id) ?? {};
    const [column, row] = direction === "LR" ? [along, across] : [across, along];
    const [gapX, gapY] = direction === "LR" ? [BETWEEN, BESIDE] : [BESIDE, BETWEEN];
    return {
      id,
      x: MARGIN + column * (NODE.width + gapX),
      y: MARGIN + row * (NODE.height + gapY),
    };
  });
  const most = (of: (place: Placed) => number) =>
    placed.reduce((highest, place) => Math.max(highest, of(place)), 0);
  return {
    places: byId(placed),
    routes: new Map(),
    width: most(({ x }) => x) + NODE.width + MARGIN,
    height: most(({ y }) => y) + NODE.height + MARGIN,
  };
}

/** Nodes by how many stand before them at most; those of a circle as far as it can be told. */
function layersOf(nodes: Needing[]): Needing[][] {
  const known = new Map(nodes.map((node) => [node.id, node]));
  const depths = new Map<string, number>();
  const open = new Set<string>();
  for (const { id } of nodes) {
    // Without recursion: a chain of thousands is deeper than the stack.
    const path = [id];
    for (let at = path.at(-1); at !== undefined; at = path.at(-1)) {
      const needs = known.get(at)?.needs ?? [];
      open.add(at);
      const missing = needs.find((need) => !depths.has(need) && !open.has(need) && known.has(need));
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
