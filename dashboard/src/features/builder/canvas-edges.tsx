import { memo, type RefObject } from "react";

type Point = { x: number; y: number };
type Edge = { from: string; to: string };
export type Line = Edge & { start: Point; end: Point };

/** In a place that stays the same, so that lines do when it changes. */
type Choose = RefObject<(edge: Edge) => void>;

/** What waits for what, as lines that can be chosen; and the loose one that is being pulled. */
export function Edges({
  lines,
  vertical,
  chosen,
  choose,
  loose,
}: {
  lines: readonly Line[];
  vertical: boolean;
  chosen: Edge | null;
  choose: Choose;
  loose: { start: Point; end: Point } | null;
}) {
  return (
    // biome-ignore lint/a11y/noSvgWithoutTitle: each line in it has a name of its own
    <svg className="canvas-lines">
      <defs>
        <marker
          id="arrow"
          viewBox="0 0 8 8"
          refX="7"
          refY="4"
          markerWidth="7"
          markerHeight="7"
          orient="auto"
        >
          <path d="M1 1l6 3-6 3" className="arrow" />
        </marker>
      </defs>
      {lines.map(({ from, to, start, end }) => (
        <Wire
          key={`${from}>${to}`}
          from={from}
          to={to}
          d={curve(start, end, vertical)}
          isChosen={chosen?.from === from && chosen.to === to}
          choose={choose}
        />
      ))}
      {loose !== null && (
        <path d={curve(loose.start, loose.end, vertical)} className="wire-loose" />
      )}
    </svg>
  );
}

const Wire = memo(function Wire({
  from,
  to,
  d,
  isChosen,
  choose,
}: Edge & { d: string; isChosen: boolean; choose: Choose }) {
  const onChoose = () => choose.current({ from, to });
  return (
    <g
      className="wire"
      role="button"
      tabIndex={0}
      aria-label={`${to} waits for ${from}`}
      aria-pressed={isChosen}
      data-chosen={isChosen || undefined}
      onClick={onChoose}
      onFocus={onChoose}
    >
      <path d={d} className="wire-grip" />
      <path d={d} className="wire-line" markerEnd="url(#arrow)" />
    </g>
  );
});

function curve(start: Point, end: Point, vertical: boolean): string {
  const bend = vertical
    ? Math.max(16, Math.abs(end.y - start.y) / 2)
    : Math.max(16, Math.abs(end.x - start.x) / 2);
  const [dx, dy] = vertical ? [0, bend] : [bend, 0];
  return `M${start.x} ${start.y}C${start.x + dx} ${start.y + dy} ${end.x - dx} ${end.y - dy} ${end.x} ${end.y}`;
}
