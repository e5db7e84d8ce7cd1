import "@xyflow/react/dist/style.css";
import "./graph.css";
import { useMediaQuery } from "@mantine/hooks";
import {
  Controls,
  type Edge,
  Handle,
  type Node,
  type NodeProps,
  Position,
  ReactFlow,
} from "@xyflow/react";
import { memo, useEffect, useMemo, useRef } from "react";
import type { RunView, StepView } from "@/api/generated/schema";
import { LargeGraph } from "./large-graph";
import { layout, MANY, NODE } from "./layout";
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

const NODE_TYPES = { step: memo(StepBox) };
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
  const places = useMemo(
    () =>
      new Map(
        layout(
          steps.map(({ node, needs }) => ({ id: node, needs })),
          vertical ? "TB" : "LR",
        ).map((placed) => [placed.id, placed]),
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
      (isLarge ? NONE : steps).map(
        (step): StepNode => ({
          id: step.node,
          type: "step",
          position: { x: places.get(step.node)?.x ?? 0, y: places.get(step.node)?.y ?? 0 },
          ...NODE,
          data: { step, isSelected: step.node === selected, vertical, open },
          draggable: false,
          focusable: false,
          selectable: false,
        }),
      ),
    [isLarge, steps, places, selected, vertical],
  );
  const edges = useMemo(() => (isLarge ? [] : edgesOf(steps)), [isLarge, steps]);
  const bottom = Math.max(0, ...[...places.values()].map(({ y }) => y)) + NODE.height;
  return (
    <div className="graph" style={{ height: Math.min(460, Math.max(150, bottom + 50)) }}>
      <ReactFlow
        key={`${shape}${vertical}`}
        nodes={nodes}
        edges={edges}
        nodeTypes={NODE_TYPES}
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
            places={places}
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

function edgesOf(steps: StepView[]): Edge[] {
  const states = new Map(steps.map(({ node, state }) => [node, state]));
  return steps.flatMap((step) =>
    step.needs.map((need) => ({
      id: `${need}>${step.node}`,
      source: need,
      target: step.node,
      focusable: false,
      animated: states.get(step.node) === "running",
      className: states.get(need) === "succeeded" ? "passed" : "",
    })),
  );
}
