import type { QueryClient, QueryKey } from "@tanstack/react-query";
import type { HubEvent } from "./socket";

/** Return the keys of what is out of date after an event. */
export function outdatedBy(event: HubEvent): QueryKey[] {
  const [noun] = event.type.split(".");
  switch (noun) {
    case "run":
      return event.type === "run.finished"
        ? [["runs"], ["run", event.run_id], ["findings"], ["statistics"]]
        : [["runs"], ["run", event.run_id]];
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

const HOLD_MS = 150;

/**
 * Asks again for what events made out of date: the first time at once, then at most every 150 ms
 * for each key, so that a storm of events costs a few requests and is seen to its end.
 */
export class Refresher {
  private readonly held = new Map<string, { key: QueryKey; dirty: boolean }>();

  constructor(private readonly client: QueryClient) {}

  readonly take = (event: HubEvent): void => {
    for (const key of outdatedBy(event)) this.refresh(key);
  };

  readonly everything = (): void => {
    void this.client.invalidateQueries();
  };

  private refresh(key: QueryKey): void {
    const name = JSON.stringify(key);
    const held = this.held.get(name);
    if (held !== undefined) {
      held.dirty = true;
      return;
    }
    this.held.set(name, { key, dirty: false });
    void this.client.invalidateQueries({ queryKey: key });
    window.setTimeout(() => {
      const dirty = this.held.get(name)?.dirty ?? false;
      this.held.delete(name);
      if (dirty) this.refresh(key);
    }, HOLD_MS);
  }
}
