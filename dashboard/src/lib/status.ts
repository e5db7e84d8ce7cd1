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

/** A stack that runs is well only while all of it is healthy. */
export function stackStatus(stack: { state: string; overall_healthy: boolean }): {
  tone: Tone;
  word: string;
} {
  if (stack.state !== "running") return { tone: toneOf(stack.state), word: stack.state };
  return stack.overall_healthy
    ? { tone: "good", word: "healthy" }
    : { tone: "bad", word: "being repaired" };
}
