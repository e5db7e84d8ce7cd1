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
const FIRST_HOLD_MS = 25;
const LAST_HOLD_MS = 200;
const ANSWER_MS = 5_000;

/**
 * Asks again for what events made out of date: the first time at once, then not before the answer
 * is there and a while has passed, which grows from 25 to 200 ms while events keep coming. So one
 * change is seen at once, and a storm of them costs a few requests and is seen to its end.
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
    if (LATER.has(key[0])) await pause(LAST_HOLD_MS);
    for (let holdMs = FIRST_HOLD_MS; held.dirty; holdMs = Math.min(2 * holdMs, LAST_HOLD_MS)) {
      held.dirty = false;
      const answer = this.client.invalidateQueries({ queryKey: key });
      await Promise.all([Promise.race([answer, pause(ANSWER_MS)]), pause(holdMs)]);
    }
    this.held.delete(JSON.stringify(key));
  }
}

const pause = (ms: number) => new Promise((resolve) => window.setTimeout(resolve, ms));
