import { useQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import type { ApprovalSummary, Me } from "@/api/generated/schema";
import { approvals, me, openRuns } from "@/api/queries";
import { setNotice } from "@/lib/title";
import { onHubEvent, useConnection } from "@/live/live";

/** Whether this person may decide on it: by role, by group, and not alone on their own wish. */
export function mayAnswer(approval: ApprovalSummary, who: Me | undefined): boolean {
  if (who === undefined || !who.permissions.includes("approvals:answer")) return false;
  const isMember =
    approval.groups.length === 0 || approval.groups.some((group) => who.groups.includes(group));
  return isMember && (approval.allow_self || approval.requested_by !== who.id);
}

/** What waits for this person and what runs, told in the tab's title and icon as well. */
export function useAttention(): { waiting: number; running: number } {
  const { data: who } = useQuery(me);
  const pending = useQuery(approvals("pending"));
  const running = useQuery(openRuns("running"));
  const queued = useQuery(openRuns("queued"));
  const { phase } = useConnection();
  const waiting = (pending.data?.items ?? []).filter((item) => mayAnswer(item, who)).length;

  useEffect(() => setNotice({ waiting }), [waiting]);
  useEffect(() => setNotice({ offline: phase === "reconnecting" }), [phase]);
  useEffect(countUnseenFailures, []);
  return {
    waiting,
    running: (running.data?.items.length ?? 0) + (queued.data?.items.length ?? 0),
  };
}

/** Failures count while nobody looks, until somebody does. */
function countUnseenFailures(): () => void {
  let failures = 0;
  const stop = onHubEvent((event) => {
    const isFailure =
      (event.type === "run.finished" && event.data.state === "failed") ||
      (event.type === "stack.changed" && event.data.state === "error");
    if (isFailure && document.hidden) setNotice({ failures: ++failures });
  });
  const seen = () => {
    if (document.hidden) return;
    failures = 0;
    setNotice({ failures });
  };
  document.addEventListener("visibilitychange", seen);
  return () => {
    stop();
    document.removeEventListener("visibilitychange", seen);
  };
}
