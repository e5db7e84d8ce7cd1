import dagre from "@dagrejs/dagre";

export const NODE = { width: 196, height: 62 };

export type Placed = { id: string; x: number; y: number };

/** Give each node a place, from left to right or from top to bottom, so that edges point one way. */
export function layout(nodes: { id: string; needs: string[] }[], direction: "LR" | "TB"): Placed[] {
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({ rankdir: direction, nodesep: 18, ranksep: 44, marginx: 8, marginy: 8 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const node of nodes) graph.setNode(node.id, { ...NODE });
  for (const node of nodes) for (const need of node.needs) graph.setEdge(need, node.id);
  dagre.layout(graph);
  return nodes.map(({ id }) => {
    const { x, y } = graph.node(id);
    return { id, x: x - NODE.width / 2, y: y - NODE.height / 2 };
  });
}
