import "@xyflow/react/dist/style.css";
import "./graph.css";
import { useMediaQuery } from "@mantine/hooks";
import {
  BaseEdge,
  Controls,
  type Edge,
  type EdgeProps,
  Handle,
  type Node,
  type NodeProps,
  Position,
  ReactFlow,
} from "@xyflow/react";
import { memo, useEffect, useMemo, useRef } from "react";
import type { RunView, StepView } from "@/api/generated/schema";
import { LargeGraph } from "./large-graph";
import { type Drawing, edge, layout, MANY, NODE } from "./layout";
import { wire } from "./route";
import { type Open, StepCard } from "./step-card";

type StepNode = Node<
  {
    step: StepView;
    isSelected: boolean;
    vertical: boolean;
    open: Open;
  },
  "step"
>;

type FrameNode = Node<Record<string, never>, "frame">;
type WireEdge = Edge<{ path: string }, "wire">;

const NODE_TYPES = { step: memo(StepBox), frame: () => null };
const EDGE_TYPES = { wire: memo(Wire) };
const ORIGIN = { x: 0, y: 0 };
const STILL = { draggable: false, focusable: false, selectable: false };
const NONE: StepView[] = [];

/** The run's steps as a graph that moves with it. */
export default function RunGraph({
  run,
  selected,
  onOpen,
}: {
  run: RunView;
  selected: string | undefined;
  onOpen: (node: string) => void;
}) {
  const vertical = useMediaQuery("(max-width: 48rem)") ?? false;
  const steps = run.steps ?? NONE;
  const shape = JSON.stringify(steps.map(({ node, needs }) => [node, needs]));
  // biome-ignore lint/correctness/useExhaustiveDependencies: states change, the shape does not
  const drawing = useMemo(
    () =>
      layout(
        steps.map(({ node, needs }) => ({ id: node, needs })),
        vertical ? "TB" : "LR",
      ),
    [shape, vertical],
  );
  const open = useRef(onOpen);
  useEffect(() => {
    open.current = onOpen;
  });
  const isLarge = steps.length > MANY;
  const nodes = useMemo(
    () =>
      isLarge
        ? []
        : [
            frameOf(drawing),
            ...steps.map(
              (step): StepNode => ({
                id: step.node,
                type: "step",
                position: drawing.places.get(step.node) ?? ORIGIN,
                ...NODE,
                data: { step, isSelected: step.node === selected, vertical, open },
                ...STILL,
              }),
            ),
          ],
    [isLarge, steps, drawing, selected, vertical],
  );
  const edges = useMemo(
    () => (isLarge ? [] : edgesOf(steps, drawing, vertical)),
    [isLarge, steps, drawing, vertical],
  );
  return (
    <div className="graph" style={{ height: Math.min(460, Math.max(150, drawing.height + 42)) }}>
      <ReactFlow
        key={`${shape}${vertical}`}
        nodes={nodes}
        edges={edges}
        nodeTypes={NODE_TYPES}
        edgeTypes={EDGE_TYPES}
        fitView
        fitViewOptions={{ padding: 0.08, maxZoom: 1 }}
        minZoom={0.1}
        maxZoom={1.5}
        nodesDraggable={false}
        nodesConnectable={false}
        nodesFocusable={false}
        edgesFocusable={false}
        elementsSelectable={false}
        zoomOnScroll={false}
        preventScrolling={false}
        aria-label="Steps of the run"
      >
        {isLarge && (
          <LargeGraph
            steps={steps}
            drawing={drawing}
            selected={selected}
            vertical={vertical}
            open={open}
          />
        )}
        <Controls showInteractive={false} position={vertical ? "top-right" : "bottom-left"} />
      </ReactFlow>
    </div>
  );
}

function StepBox({ data }: NodeProps<StepNode>) {
  const { step, isSelected, vertical, open } = data;
  return (
    <>
      <Handle type="target" position={vertical ? Position.Top : Position.Left} />
      <StepCard step={step} isSelected={isSelected} open={open} />
      <Handle type="source" position={vertical ? Position.Bottom : Position.Right} />
    </>
  );
}

/** Nothing to be seen: it has lines that run around steps count when the graph is fitted in. */
function frameOf({ width, height }: Drawing): FrameNode {
  return { id: "", type: "frame", position: ORIGIN, width, height, data: {}, zIndex: -1, ...STILL };
}

function Wire({ data, ...edge }: EdgeProps<WireEdge>) {
  return <BaseEdge id={edge.id} path={data?.path ?? ""} />;
}

function edgesOf(steps: StepView[], drawing: Drawing, vertical: boolean): WireEdge[] {
  const { places, routes } = drawing;
  const states = new Map(steps.map(({ node, state }) => [node, state]));
  return steps.flatMap((step) =>
    step.needs.map((need) => ({
      id: edge(need, step.node),
      type: "wire",
      data: {
        path: wire(
          places.get(need) ?? ORIGIN,
          places.get(step.node) ?? ORIGIN,
          routes.get(edge(need, step.node)) ?? [],
          vertical,
        ),
      },
      source: need,
      target: step.node,
      focusable: false,
      animated: states.get(step.node) === "running",
      className: states.get(need) === "succeeded" ? "passed" : "",
    })),
  );
}
