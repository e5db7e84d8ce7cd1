import type { PointerEvent as ReactPointerEvent } from "react";

const START_PX = 4;

type Point = { x: number; y: number };

/**
 * Follow a pointer from where it was pressed to where it is let go. `onMove` begins once it has
 * really moved; `onEnd` is told the last point, or null if it was only a click or was called off.
 */
export function followPointer(
  press: ReactPointerEvent,
  { onMove, onEnd }: { onMove: (at: Point) => void; onEnd: (at: Point | null) => void },
): void {
  if (press.button !== 0) return;
  let isMoving = false;
  const finished = new AbortController();
  const options = { signal: finished.signal };
  const end = (at: Point | null) => {
    finished.abort();
    onEnd(at);
  };
  const isMine = (event: PointerEvent) => event.pointerId === press.pointerId;
  const point = (event: PointerEvent) => ({ x: event.clientX, y: event.clientY });
  window.addEventListener(
    "pointermove",
    (event) => {
      const far = Math.hypot(event.clientX - press.clientX, event.clientY - press.clientY);
      if (!isMine(event) || (!isMoving && far < START_PX)) return;
      isMoving = true;
      event.preventDefault();
      onMove(point(event));
    },
    options,
  );
  window.addEventListener(
    "pointerup",
    (event) => isMine(event) && end(isMoving ? point(event) : null),
    options,
  );
  window.addEventListener("pointercancel", (event) => isMine(event) && end(null), options);
  window.addEventListener("keydown", (event) => event.key === "Escape" && end(null), options);
}

/** The step under a point, and whether the canvas is there at all. */
export function under({ x, y }: Point): { step: string | null; isCanvas: boolean } {
  const element = document.elementFromPoint(x, y);
  const step = element?.closest<HTMLElement>("[data-step]")?.dataset.step ?? null;
  return { step, isCanvas: element?.closest(".canvas") != null };
}
