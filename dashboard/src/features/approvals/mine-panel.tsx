import { Button, Checkbox } from "@mantine/core";
import { Suspense, useState } from "react";
import type { Answer, ApprovalSummary } from "@/api/generated/schema";
import { Panel } from "@/components/page";
import { lazyPart } from "@/lib/lazy";
import { ApprovalRow } from "./approval-row";

const BulkDialog = lazyPart(() => import("./bulk-dialog"));

/** What waits for this person: one by one, or several with one answer. */
export function MinePanel({ approvals }: { approvals: ApprovalSummary[] }) {
  const [ids, setIds] = useState<ReadonlySet<string>>(new Set());
  const [asked, setAsked] = useState<{ chosen: ApprovalSummary[]; decision: Answer } | null>(null);
  const chosen = approvals.filter(({ id }) => ids.has(id));
  const isAll = chosen.length === approvals.length;
  const mark = (id: string, isMarked: boolean) => {
    const next = new Set(ids);
    if (isMarked) next.add(id);
    else next.delete(id);
    setIds(next);
  };
  const ask = (decision: Answer) => setAsked({ chosen, decision });
  return (
    <Panel title="Waiting for you">
      {approvals.length === 0 && (
        <p className="empty">
          Nothing waits for you. An agent that may change something asks here first.
        </p>
      )}
      {approvals.length > 1 && (
        <div className="row bulk-bar">
          <Checkbox
            size="xs"
            label={chosen.length === 0 ? "Choose all" : `${chosen.length} chosen`}
            checked={isAll}
            indeterminate={chosen.length > 0 && !isAll}
            onChange={() => setIds(new Set(isAll ? [] : approvals.map(({ id }) => id)))}
          />
          {chosen.length > 0 && (
            <span className="line">
              <Button size="xs" color="green" onClick={() => ask("approve")}>
                Approve…
              </Button>
              <Button size="xs" color="red" variant="outline" onClick={() => ask("reject")}>
                Reject…
              </Button>
            </span>
          )}
        </div>
      )}
      {approvals.length > 0 && (
        <ul className="rows">
          {approvals.map((item) => (
            <ApprovalRow
              key={item.id}
              approval={item}
              mark={
                approvals.length > 1 && (
                  <Checkbox
                    size="xs"
                    className="above"
                    aria-label={`Choose ${item.workflow}: ${item.node}, ${item.project ?? "no project"}`}
                    checked={ids.has(item.id)}
                    onChange={(event) => mark(item.id, event.currentTarget.checked)}
                  />
                )
              }
            />
          ))}
        </ul>
      )}
      <Suspense>
        {asked !== null && (
          <BulkDialog
            {...asked}
            onClose={() => {
              setAsked(null);
              setIds(new Set());
            }}
          />
        )}
      </Suspense>
    </Panel>
  );
}
