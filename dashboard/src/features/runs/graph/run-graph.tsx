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
import { useMemo } from "react";
import type { RunView, StepView } from "@/api/generated/schema";
import { State } from "@/components/state";
import { Elapsed } from "@/components/time";
import { toneOf } from "@/lib/status";
import { layout, NODE } from "./layout";

type StepNode = Node<
  { step: StepView; isSelected: boolean; vertical: boolean; onOpen: (node: string) => void },
  "step"
>;

const NODE_TYPES = { step: StepBox };

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
  const steps = run.steps ?? [];
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
  const nodes: StepNode[] = steps.map((step) => ({
    id: step.node,
    type: "step",
    position: { x: places.get(step.node)?.x ?? 0, y: places.get(step.node)?.y ?? 0 },
    ...NODE,
    data: { step, isSelected: step.node === selected, vertical, onOpen },
    draggable: false,
    focusable: false,
    selectable: false,
  }));
  const states = new Map(steps.map(({ node, state }) => [node, state]));
  const edges: Edge[] = steps.flatMap((step) =>
    step.needs.map((need) => ({
      id: `${need}>${step.node}`,
      source: need,
      target: step.node,
      focusable: false,
      animated: states.get(step.node) === "running",
      className: states.get(need) === "succeeded" ? "passed" : "",
    })),
  );
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
        onlyRenderVisibleElements={steps.length > 150}
        aria-label="Steps of the run"
      >
        <Controls showInteractive={false} />
      </ReactFlow>
    </div>
  );
}

function StepBox({ data }: NodeProps<StepNode>) {
  const { step, isSelected, vertical, onOpen } = data;
  const isGate = step.approval_id !== null || step.risk === "APPROVAL_REQUIRED";
  return (
    <>
      <Handle type="target" position={vertical ? Position.Top : Position.Left} />
      <button
        type="button"
        className="step-box edge"
        data-tone={toneOf(step.state)}
        data-gate={isGate || undefined}
        data-selected={isSelected || undefined}
        onClick={() => onOpen(step.node)}
      >
        <span className="step-name clip">{step.node}</span>
        <span className="step-agent mono clip">{step.agent}</span>
        <span className="step-foot">
          <State state={step.state} />
          <span className="muted">
            {step.attempts.length > 1 && `#${step.attempts.length} `}
            <Elapsed from={step.started_at} to={step.finished_at} />
          </span>
        </span>
      </button>
      <Handle type="source" position={vertical ? Position.Bottom : Position.Right} />
    </>
  );
}
