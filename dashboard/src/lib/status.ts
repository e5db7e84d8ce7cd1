import type { Level, RunState } from "@/api/generated/schema";

/** The gravest first. */
export const LEVELS = ["critical", "warning", "info"] as const satisfies Level[];

/** The states that runs are listed by. */
export const RUN_STATES = [
  "running",
  "queued",
  "succeeded",
  "failed",
  "cancelled",
] as const satisfies RunState[];

/** What a state means to the eye. Colours are for these alone and never come without a word. */
export type Tone = "idle" | "active" | "waiting" | "good" | "bad";

const TONES: Record<string, Tone> = {
  pending: "idle",
  queued: "idle",
  stopped: "idle",
  skipped: "idle",
  cancelled: "idle",
  superseded: "idle",
  running: "active",
  starting: "active",
  restarting: "active",
  stopping: "active",
  waiting: "waiting",
  succeeded: "good",
  healthy: "good",
  completed: "good",
  approved: "good",
  failed: "bad",
  unhealthy: "bad",
  error: "bad",
  rejected: "bad",
  expired: "bad",
};

export function toneOf(state: string): Tone {
  return TONES[state] ?? "idle";
}

const ENDED = new Set(["succeeded", "failed", "cancelled", "skipped"]);

export function hasEnded(state: string): boolean {
  return ENDED.has(state);
}

type StackFacts = {
  state: string;
  overall_healthy: boolean;
  reason: string;
  last_started_at: string | null;
  is_copied: boolean;
};

/**
 * A stack that runs is well only while all of it is healthy; one that never ran and has something
 * said against it cannot be started as it is.
 */
export function stackStatus(stack: StackFacts): { tone: Tone; word: string } {
  if (stack.state === "stopped" && stack.last_started_at === null && stack.reason !== "") {
    return { tone: "bad", word: "cannot be started" };
  }
  if (stack.is_copied) return { tone: "active", word: "being copied" };
  if (stack.state !== "running") return { tone: toneOf(stack.state), word: stack.state };
  return stack.overall_healthy
    ? { tone: "good", word: "healthy" }
    : { tone: "bad", word: "being repaired" };
}

/** What needs a look first: what is wrong, then what moves, then what runs, then the rest. */
export function urgency(tone: Tone | undefined): number {
  const order: Tone[] = ["bad", "waiting", "active", "good"];
  const place = tone === undefined ? -1 : order.indexOf(tone);
  return place < 0 ? order.length : place;
}
