import { useSyncExternalStore } from "react";

// One clock for the page: every "3 s ago" moves at once, and none when nobody looks.
let now = new Date();
const listeners = new Set<() => void>();
let timer: number | undefined;

function tick(): void {
  if (document.hidden) return;
  now = new Date();
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  if (listeners.size === 0) {
    now = new Date();
    timer = window.setInterval(tick, 1000);
  }
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) window.clearInterval(timer);
  };
}

/** The time, once a second. */
export function useNow(): Date {
  return useSyncExternalStore(subscribe, () => now);
}
