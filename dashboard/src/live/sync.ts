import type { QueryClient, QueryKey } from "@tanstack/react-query";
import type { HubEvent } from "./socket";

/** What else changes when a run begins or ends. */
const COUNTED: Record<string, QueryKey[]> = {
  "run.created": [["open-runs"]],
  "run.finished": [["open-runs"], ["findings"], ["statistics"]],
};

/** Return the keys of what is out of date after an event. */
export function outdatedBy(event: HubEvent): QueryKey[] {
  const [noun] = event.type.split(".");
  switch (noun) {
    case "run":
      return [["runs"], ["run", event.run_id], ...(COUNTED[event.type] ?? [])];
    case "step":
    case "attempt":
    case "check":
      return [["run", event.run_id]];
    case "approval":
      return [["approvals"], ["approval", event.subject], ["run", event.run_id]];
    case "stack":
      return [["stack", event.project_id]];
    case "project":
      return [["projects"], ["project"]];
    case "agent":
      return [["agents"]];
    case "workflow":
      return [["workflows"], ["workflow"]];
    default:
      return [];
  }
}

/** Figures and counts, for which nobody waits: they let what happened be shown first. */
const LATER = new Set<unknown>(["open-runs", "findings", "statistics"]);
const LATER_MS = 200;
const LEAST_HOLD_MS = 25;
const MOST_HOLD_MS = 500;
const ANSWER_MS = 5_000;

/**
 * Asks again for what events made out of date: the first time at once, then not before the answer
 * is there and as much time has passed as it took, 25 ms at least. So one change is seen at once,
 * a storm of them is seen to its end, and a hub or a page that is slow then is left half its time.
 */
export class Refresher {
  private readonly held = new Map<string, { dirty: boolean }>();

  constructor(private readonly client: QueryClient) {}

  readonly take = (event: HubEvent): void => {
    for (const key of outdatedBy(event)) {
      const held = this.held.get(JSON.stringify(key));
      if (held === undefined) void this.refresh(key);
      else held.dirty = true;
    }
  };

  readonly everything = (): void => {
    void this.client.invalidateQueries();
  };

  private async refresh(key: QueryKey): Promise<void> {
    const held = { dirty: true };
    this.held.set(JSON.stringify(key), held);
    if (LATER.has(key[0])) await pause(LATER_MS);
    while (held.dirty) {
      held.dirty = false;
      const asked = performance.now();
      await Promise.race([this.client.invalidateQueries({ queryKey: key }), pause(ANSWER_MS)]);
      const took = performance.now() - asked;
      await pause(Math.min(Math.max(took, LEAST_HOLD_MS), MOST_HOLD_MS));
    }
    this.held.delete(JSON.stringify(key));
  }
}

const pause = (ms: number) => new Promise((resolve) => window.setTimeout(resolve, ms));
