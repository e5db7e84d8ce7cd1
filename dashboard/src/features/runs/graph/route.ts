import { NODE, type Point } from "./layout";

/** How far a line leaves its box before it may turn, in px. */
const LEAST_BEND = 16;
const LOOP = 26;

/**
 * The points of a line between two steps: out of the one, past the steps of each layer in between
 * where `via` says (the middle of the layer), and into the other. Every second part is straight.
 */
export function waypoints(from: Point, to: Point, via: readonly Point[], vertical: boolean) {
  const { width, height } = NODE;
  const past = via.flatMap(({ x, y }) =>
    vertical
      ? [
          { x, y: y - height / 2 },
          { x, y: y + height / 2 },
        ]
      : [
          { x: x - width / 2, y },
          { x: x + width / 2, y },
        ],
  );
  return [exit(from, vertical), ...past, entry(to, vertical)];
}

/** A line between two steps, as the path of a picture. */
export function wire(from: Point, to: Point, via: readonly Point[], vertical: boolean): string {
  const [first, ...rest] = waypoints(from, to, via, vertical);
  if (first === undefined) return "";
  let at = first;
  let path = `M${at.x} ${at.y}`;
  rest.forEach((next, index) => {
    path += index % 2 === 0 ? bend(at, next, vertical) : `L${next.x} ${next.y}`;
    at = next;
  });
  return path;
}

/** A line from any point to any other. */
export function curve(start: Point, end: Point, vertical: boolean): string {
  return `M${start.x} ${start.y}${bend(start, end, vertical)}`;
}

/** Out at the end of a box and back in at its beginning: what needs itself. */
export function loop({ x, y }: Point, vertical: boolean): string {
  const { x: outX, y: outY } = exit({ x, y }, vertical);
  const { x: inX, y: inY } = entry({ x, y }, vertical);
  const [one, other] = vertical
    ? [`${x + NODE.width * 1.3} ${outY + LOOP}`, `${x + NODE.width * 1.3} ${inY - LOOP}`]
    : [`${outX + LOOP} ${y - LOOP}`, `${inX - LOOP} ${y - LOOP}`];
  return `M${outX} ${outY}C${one} ${other} ${inX} ${inY}`;
}

export function exit({ x, y }: Point, vertical: boolean): Point {
  return vertical
    ? { x: x + NODE.width / 2, y: y + NODE.height }
    : { x: x + NODE.width, y: y + NODE.height / 2 };
}

function entry({ x, y }: Point, vertical: boolean): Point {
  return vertical ? { x: x + NODE.width / 2, y } : { x, y: y + NODE.height / 2 };
}

function bend(start: Point, end: Point, vertical: boolean): string {
  const far = Math.abs(vertical ? end.y - start.y : end.x - start.x) / 2;
  const by = Math.max(LEAST_BEND, far);
  const [dx, dy] = vertical ? [0, by] : [by, 0];
  return `C${start.x + dx} ${start.y + dy} ${end.x - dx} ${end.y - dy} ${end.x} ${end.y}`;
}
