type Point = { x: number; y: number };
type Edge = { from: string; to: string };
export type Line = Edge & { start: Point; end: Point };

/** What waits for what, as lines that can be chosen; and the loose one that is being pulled. */
export function Edges({
  lines,
  vertical,
  chosen,
  onChoose,
  loose,
}: {
  lines: readonly Line[];
  vertical: boolean;
  chosen: Edge | null;
  onChoose: (edge: Edge) => void;
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
      {lines.map((line) => {
        const isChosen = chosen?.from === line.from && chosen.to === line.to;
        const d = curve(line.start, line.end, vertical);
        const choose = () => onChoose({ from: line.from, to: line.to });
        return (
          <g
            key={`${line.from}>${line.to}`}
            className="wire"
            role="button"
            tabIndex={0}
            aria-label={`${line.to} waits for ${line.from}`}
            aria-pressed={isChosen}
            data-chosen={isChosen || undefined}
            onClick={choose}
            onFocus={choose}
          >
            <path d={d} className="wire-grip" />
            <path d={d} className="wire-line" markerEnd="url(#arrow)" />
          </g>
        );
      })}
      {loose !== null && (
        <path d={curve(loose.start, loose.end, vertical)} className="wire-loose" />
      )}
    </svg>
  );
}

function curve(start: Point, end: Point, vertical: boolean): string {
  const bend = vertical
    ? Math.max(16, Math.abs(end.y - start.y) / 2)
    : Math.max(16, Math.abs(end.x - start.x) / 2);
  const [dx, dy] = vertical ? [0, bend] : [bend, 0];
  return `M${start.x} ${start.y}C${start.x + dx} ${start.y + dy} ${end.x - dx} ${end.y - dy} ${end.x} ${end.y}`;
}
