import assert from "node:assert/strict";
import { test } from "node:test";
import { QueryClient, QueryObserver } from "@tanstack/react-query";
import type { HubEvent } from "./socket";
import { outdatedBy, Refresher } from "./sync";

const event = (type: string) => ({ type, run_id: "run_1", subject: "run_1" }) as HubEvent;

// What the page calls the window, Node calls the global object.
Object.assign(globalThis, { window: globalThis });

test("a run that only goes on is not counted again", () => {
  const [began, goes] = [outdatedBy(event("run.created")), outdatedBy(event("run.started"))];
  assert.ok(began.some(([name]) => name === "open-runs"));
  assert.ok(!goes.some(([name]) => name === "open-runs"));
});

const MOST = { timeout: 20_000 };

test(
  "a storm of events costs few requests, none given up, and its last event is seen",
  MOST,
  async () => {
    const client = new QueryClient();
    let [state, asked, givenUp] = [0, 0, 0];
    const queryFn = async ({ signal }: { signal: AbortSignal }) => {
      asked += 1;
      const seen = state;
      await new Promise((resolve) => setTimeout(resolve, 60));
      givenUp += Number(signal.aborted);
      return seen;
    };
    const query = { queryKey: ["run", "run_1"], queryFn, staleTime: Number.POSITIVE_INFINITY };
    const stop = new QueryObserver(client, query).subscribe(() => undefined);
    const refresher = new Refresher(client);
    while (client.getQueryData(["run", "run_1"]) === undefined) await tick();
    while (state < 100) {
      state += 1;
      refresher.take(event("step.finished"));
      await tick();
    }
    while (client.getQueryData(["run", "run_1"]) !== 100) await tick();
    assert.ok(asked < 50, `${asked} requests for 100 events`);
    assert.equal(givenUp, 0);
    stop();
    client.clear();
  },
);

const tick = () => new Promise((resolve) => setTimeout(resolve, 1));
