import { State } from "./state";

/** How a run is; `waits`: an approval of it is open, and it goes on only once that is answered. */
export function RunState({ state, waits }: { state: string; waits: boolean }) {
  return waits ? <State state="waiting" word="waits for approval" /> : <State state={state} />;
}

/** Whether one of a run's approvals is open. */
export function waitsForApproval(run: { approvals?: { state: string }[] | null }): boolean {
  return run.approvals?.some(({ state }) => state === "pending") ?? false;
}
