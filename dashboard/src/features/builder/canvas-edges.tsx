import { memo, type RefObject } from "react";

type Edge = { from: string; to: string };
/** With the path on which it is drawn. */
export type Line = Edge & { path: string };

/** In a place that stays the same, so that lines do when it changes. */
type Choose = RefObject<(edge: Edge) => void>;

/** What waits for what, as lines that can be chosen; and the loose one that is being pulled. */
export function Edges({
  lines,
  chosen,
  choose,
  loose,
}: {
  lines: readonly Line[];
  chosen: Edge | null;
  choose: Choose;
  loose: string | null;
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
      {lines.map(({ from, to, path }) => (
        <Wire
          key={`${from}>${to}`}
          from={from}
          to={to}
          d={path}
          isChosen={chosen?.from === from && chosen.to === to}
          choose={choose}
        />
      ))}
      {loose !== null && <path d={loose} className="wire-loose" />}
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
