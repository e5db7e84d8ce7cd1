import "@/features/runs/graph/graph.css";
import "./canvas.css";
import { Button } from "@mantine/core";
import { useElementSize } from "@mantine/hooks";
import { type KeyboardEvent, type PointerEvent, useMemo, useRef, useState } from "react";
import { edge, layout, NODE } from "@/features/runs/graph/layout";
import { curve, exit, loop, wire } from "@/features/runs/graph/route";
import { Edges, type Line } from "./canvas-edges";
import { StepBox } from "./canvas-step";
import { followPointer, under } from "./drag";
import type { Step } from "./model/workflow";
import { NOTHING, only, type Selection } from "./use-builder";

const SMALLEST = 0.35;
/** The width in px from which steps follow each other to the right; below it, downwards. */
const WIDE = 720;
const ZOOM_STEP = 1.25;

const ORIGIN = { x: 0, y: 0 };

type Box = { x: number; y: number; width: number; height: number };

/** The steps as a graph that is edited in place: choose, connect, delete. */
export function Canvas({
  steps,
  selection,
  onSelect,
  onConnect,
  onDelete,
  issues,
  asksFirst,
}: {
  steps: readonly Step[];
  selection: Selection;
  onSelect: (selection: Selection) => void;
  onConnect: (from: string, to: string) => void;
  onDelete: () => void;
  /** What is said against a step, a line each. */
  issues: ReadonlyMap<string, string>;
  asksFirst: (step: Step) => boolean;
}) {
  const view = useElementSize();
  const vertical = view.width < WIDE;
  const plane = useRef<HTMLDivElement>(null);
  const [zoom, setZoom] = useState<number | null>(null);
  const [pulled, setPulled] = useState<{ from: string; x: number; y: number } | null>(null);
  const [lasso, setLasso] = useState<Box | null>(null);

  const shape = JSON.stringify(steps.map(({ name, needs }) => [name, needs]));
  // biome-ignore lint/correctness/useExhaustiveDependencies: places follow from the shape alone
  const { places, routes, width, height } = useMemo(() => {
    const there = new Set(steps.map(({ name }) => name));
    const nodes = steps.map(({ name, needs }) => ({
      id: name,
      needs: needs.filter((need) => there.has(need)),
    }));
    return layout(nodes, vertical ? "TB" : "LR");
  }, [shape, vertical]);
  const fitting = Math.min(1, Math.max(SMALLEST, view.width / width || 1));
  const scale = zoom ?? fitting;

  const onPlane = ({ x, y }: { x: number; y: number }) => {
    const frame = plane.current?.getBoundingClientRect();
    return { x: (x - (frame?.left ?? 0)) / scale, y: (y - (frame?.top ?? 0)) / scale };
  };
  const lines: Line[] = steps.flatMap(({ name, needs }) =>
    needs.flatMap((need) => {
      const from = places.get(need);
      const to = places.get(name);
      if (from === undefined || to === undefined) return [];
      const path =
        need === name
          ? loop(to, vertical)
          : wire(from, to, routes.get(edge(need, name)) ?? [], vertical);
      return [{ from: need, to: name, path }];
    }),
  );

  const pull = (from: string, press: PointerEvent) => {
    press.preventDefault();
    press.stopPropagation();
    followPointer(press, {
      onMove: (at) => setPulled({ from, ...onPlane(at) }),
      onEnd: (at) => {
        setPulled(null);
        const to = at === null ? null : under(at).step;
        if (to !== null) onConnect(from, to);
      },
    });
  };

  const choose = (name: string, adds: boolean) => {
    if (!adds) return onSelect(only(name));
    const chosen = new Set(selection.steps);
    if (!chosen.delete(name)) chosen.add(name);
    onSelect({ steps: chosen, edge: null });
  };
  const actions = useRef({ pull, choose });
  actions.current = { pull, choose };
  const chooseEdge = useRef((_: { from: string; to: string }) => {});
  chooseEdge.current = (edge) => onSelect({ steps: new Set(), edge });

  const catchMany = (press: PointerEvent) => {
    if (press.pointerType !== "mouse" || (press.target as Element).closest("[data-step], .wire"))
      return;
    const start = onPlane({ x: press.clientX, y: press.clientY });
    const before = press.shiftKey ? selection.steps : new Set<string>();
    let box: Box | null = null;
    followPointer(press, {
      onMove: (at) => {
        const end = onPlane(at);
        box = {
          x: Math.min(start.x, end.x),
          y: Math.min(start.y, end.y),
          width: Math.abs(end.x - start.x),
          height: Math.abs(end.y - start.y),
        };
        setLasso(box);
      },
      onEnd: () => {
        setLasso(null);
        const caught = [...places.values()].filter((place) => box !== null && meets(place, box));
        onSelect({ steps: new Set([...before, ...caught.map(({ id }) => id)]), edge: null });
      },
    });
  };

  const press = (event: KeyboardEvent) => {
    if (event.key === "Delete" || event.key === "Backspace") {
      event.preventDefault();
      onDelete();
    } else if (event.key === "Escape") onSelect(NOTHING);
    else if (event.key.toLowerCase() === "a" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      onSelect({ steps: new Set(steps.map(({ name }) => name)), edge: null });
    }
  };

  return (
    <div className="canvas-frame">
      <section
        className="canvas"
        ref={view.ref}
        aria-label="Graph of the workflow"
        tabIndex={-1}
        onPointerDown={catchMany}
        onKeyDown={press}
      >
        {steps.length === 0 && (
          <p className="empty">
            Drag an agent here, or press Enter on one in the list. Pull the dot of a step to another
            step to have that one wait.
          </p>
        )}
        <div className="canvas-fit" style={{ width: width * scale, height: height * scale }}>
          <div
            ref={plane}
            className="canvas-plane"
            style={{ width, height, transform: `scale(${scale})` }}
          >
            <Edges
              lines={lines}
              chosen={selection.edge}
              choose={chooseEdge}
              loose={
                pulled === null
                  ? null
                  : curve(exit(places.get(pulled.from) ?? ORIGIN, vertical), pulled, vertical)
              }
            />
            {steps.map((step) => (
              <StepBox
                key={step.name}
                step={step}
                at={places.get(step.name) ?? ORIGIN}
                vertical={vertical}
                isSelected={selection.steps.has(step.name)}
                asksFirst={asksFirst(step)}
                issues={issues.get(step.name) ?? ""}
                actions={actions}
              />
            ))}
            {lasso !== null && (
              <div
                className="lasso"
                style={{
                  left: lasso.x,
                  top: lasso.y,
                  width: lasso.width,
                  height: lasso.height,
                }}
              />
            )}
          </div>
        </div>
      </section>
      <fieldset className="canvas-zoom" aria-label="Size of the graph">
        <Button.Group>
          <Button
            size="compact-xs"
            variant="default"
            aria-label="Smaller"
            onClick={() => setZoom(Math.max(SMALLEST, scale / ZOOM_STEP))}
          >
            −
          </Button>
          <Button size="compact-xs" variant="default" onClick={() => setZoom(null)}>
            Fit
          </Button>
          <Button
            size="compact-xs"
            variant="default"
            aria-label="Larger"
            onClick={() => setZoom(Math.min(1.5, scale * ZOOM_STEP))}
          >
            +
          </Button>
        </Button.Group>
      </fieldset>
    </div>
  );
}

function meets(place: { x: number; y: number }, box: Box): boolean {
  return (
    place.x < box.x + box.width &&
    place.x + NODE.width > box.x &&
    place.y < box.y + box.height &&
    place.y + NODE.height > box.y
  );
}
