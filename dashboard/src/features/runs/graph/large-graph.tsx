import { type ReactFlowState, useReactFlow, useStore, ViewportPortal } from "@xyflow/react";
import { memo, useEffect, useMemo } from "react";
import type { StepView } from "@/api/generated/schema";
import { toneOf } from "@/lib/status";
import { type Drawing, NODE, type Placed } from "./layout";
import { wire } from "./route";
import { type Open, StepCard } from "./step-card";

// From here on texts are too small to be read: steps tell their state by colour alone.
const FAR = 0.4;
const TILE = 600;
const EMPTY: Placed = { id: "", x: 0, y: 0 };

/**
 * A graph of many steps as one picture, moved as a whole: all edges are one path, steps are cards
 * where they are in sight and can be read, else shapes of the picture. Elements that the browser
 * lays over each other, a thousand of them, are what moving it would wait for.
 */
export function LargeGraph({
  steps,
  drawing,
  selected,
  vertical,
  open,
}: {
  steps: StepView[];
  drawing: Drawing;
  selected: string | undefined;
  vertical: boolean;
  open: Open;
}) {
  const { fitBounds } = useReactFlow();
  const isFar = useStore((state) => state.transform[2] < FAR);
  const isSized = useStore((state) => state.width > 0);
  const sight = useStore(tilesInSight);
  const { places, width, height } = drawing;
  useEffect(() => {
    if (isSized) void fitBounds({ x: 0, y: 0, width, height }, { padding: 0.04 });
  }, [isSized, width, height, fitBounds]);
  const edges = useMemo(() => pathOf(steps, places, vertical), [steps, places, vertical]);
  return (
    <ViewportPortal>
      <div className="large-graph" style={{ width, height }}>
        {/* biome-ignore lint/a11y/noSvgWithoutTitle: each step in it has a name of its own */}
        <svg width={width} height={height}>
          <path d={edges} />
          {isFar &&
            steps.map((step) => (
              <StepShape
                key={step.node}
                node={step.node}
                state={step.state}
                place={places.get(step.node) ?? EMPTY}
                isSelected={step.node === selected}
                open={open}
              />
            ))}
        </svg>
        {!isFar &&
          inSight(steps, places, sight).map((step) => (
            <StepCard
              key={step.node}
              step={step}
              isSelected={step.node === selected}
              open={open}
              style={styleOf(places.get(step.node) ?? EMPTY)}
            />
          ))}
      </div>
    </ViewportPortal>
  );
}

/** A step from afar. */
const StepShape = memo(function StepShape({
  node,
  state,
  place,
  isSelected,
  open,
}: {
  node: string;
  state: string;
  place: Placed;
  isSelected: boolean;
  open: Open;
}) {
  return (
    <rect
      {...NODE}
      x={place.x}
      y={place.y}
      className="step-shape"
      role="button"
      tabIndex={0}
      aria-label={`${node} ${state}`}
      data-tone={toneOf(state)}
      data-selected={isSelected || undefined}
      onClick={() => open.current(node)}
      onKeyDown={({ key }) => key === "Enter" && open.current(node)}
    />
  );
});

/** The tiles of the plane that are in sight, from and to, as a text that rarely changes. */
function tilesInSight({ transform: [x, y, zoom], width, height }: ReactFlowState): string {
  const tiles = [-x, -y, width - x, height - y].map((edge) => Math.floor(edge / zoom / TILE));
  return tiles.join(" ");
}

function inSight(steps: StepView[], places: Drawing["places"], sight: string): StepView[] {
  const [left = 0, top = 0, right = 0, bottom = 0] = sight.split(" ").map(Number);
  return steps.filter(({ node }) => {
    const { x, y } = places.get(node) ?? EMPTY;
    return (
      x + NODE.width >= left * TILE &&
      x <= (right + 1) * TILE &&
      y + NODE.height >= top * TILE &&
      y <= (bottom + 1) * TILE
    );
  });
}

const styles = new WeakMap<Placed, React.CSSProperties>();

/** The same object for the same place, so that a card whose step did not change is left alone. */
function styleOf(place: Placed): React.CSSProperties {
  const known = styles.get(place);
  if (known !== undefined) return known;
  const made = { ...NODE, left: place.x, top: place.y };
  styles.set(place, made);
  return made;
}

function pathOf(steps: StepView[], places: Drawing["places"], vertical: boolean): string {
  return steps
    .flatMap((step) =>
      step.needs.map((need) =>
        wire(places.get(need) ?? EMPTY, places.get(step.node) ?? EMPTY, [], vertical),
      ),
    )
    .join("");
}
