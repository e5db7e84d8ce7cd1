import { useReactFlow, useStore, ViewportPortal } from "@xyflow/react";
import { useEffect, useMemo } from "react";
import type { StepView } from "@/api/generated/schema";
import { NODE, type Placed } from "./layout";
import { type Open, StepCard } from "./step-card";

// From here on texts are too small to be read: cards tell their state by colour alone.
const FAR = 0.4;
const EMPTY: Placed = { id: "", x: 0, y: 0 };

/**
 * A graph of many steps as one picture: cards where they belong and all edges as one path. It is
 * moved as a whole; a node of the library for each would be looked at anew in every frame.
 */
export function LargeGraph({
  steps,
  places,
  selected,
  vertical,
  open,
}: {
  steps: StepView[];
  places: Map<string, Placed>;
  selected: string | undefined;
  vertical: boolean;
  open: Open;
}) {
  const { fitBounds } = useReactFlow();
  const isFar = useStore((state) => state.transform[2] < FAR);
  const isSized = useStore((state) => state.width > 0);
  const size = useMemo(() => {
    const all = [...places.values()];
    return {
      width: Math.max(0, ...all.map(({ x }) => x)) + NODE.width,
      height: Math.max(0, ...all.map(({ y }) => y)) + NODE.height,
    };
  }, [places]);
  useEffect(() => {
    if (isSized) void fitBounds({ x: 0, y: 0, ...size }, { padding: 0.04 });
  }, [isSized, size, fitBounds]);
  const edges = useMemo(() => pathOf(steps, places, vertical), [steps, places, vertical]);
  return (
    <ViewportPortal>
      <div className="large-graph" data-far={isFar || undefined} style={size}>
        <svg aria-hidden="true" width={size.width} height={size.height}>
          <path d={edges} />
        </svg>
        {steps.map((step) => (
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

const styles = new WeakMap<Placed, React.CSSProperties>();

/** The same object for the same place, so that a card whose step did not change is left alone. */
function styleOf(place: Placed): React.CSSProperties {
  const known = styles.get(place);
  if (known !== undefined) return known;
  const made = { ...NODE, left: place.x, top: place.y };
  styles.set(place, made);
  return made;
}

function pathOf(steps: StepView[], places: Map<string, Placed>, vertical: boolean): string {
  return steps
    .flatMap((step) =>
      step.needs.map((need) => {
        const from = places.get(need) ?? EMPTY;
        const to = places.get(step.node) ?? EMPTY;
        const x = from.x + (vertical ? NODE.width / 2 : NODE.width);
        const y = from.y + (vertical ? NODE.height : NODE.height / 2);
        const toX = to.x + (vertical ? NODE.width / 2 : 0);
        const toY = to.y + (vertical ? 0 : NODE.height / 2);
        const [first, last] = vertical
          ? [`${x} ${(y + toY) / 2}`, `${toX} ${(y + toY) / 2}`]
          : [`${(x + toX) / 2} ${y}`, `${(x + toX) / 2} ${toY}`];
        return `M${x} ${y}C${first} ${last} ${toX} ${toY}`;
      }),
    )
    .join("");
}
