import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { ApprovalSummary } from "@/api/generated/schema";
import { State } from "@/components/state";
import { Ago } from "@/components/time";
import { toneOf } from "@/lib/status";

/** A question in a list; `mark` stands before it, to choose it with others. */
export function ApprovalRow({ approval, mark }: { approval: ApprovalSummary; mark?: ReactNode }) {
  const isOpen = approval.state === "pending";
  const tone = isOpen ? "waiting" : toneOf(approval.state);
  return (
    <li className="row edge" data-tone={tone}>
      {mark}
      <div className="grow">
        <div className="line">
          <Link to="/approvals/$approval" params={{ approval: approval.id }} className="cover">
            {approval.workflow}: {approval.node}
          </Link>
          {approval.project !== null && <span className="muted">{approval.project}</span>}
        </div>
        <div className="small muted clip">
          <span className="mono">{approval.agent}</span>, asked <Ago at={approval.created_at} />
        </div>
      </div>
      <div className="run-when">
        <State state={approval.state} tone={tone} word={isOpen ? "waits" : undefined} />
        {isOpen && (
          <span className="small muted">
            ends <Ago at={approval.expires_at} />
          </span>
        )}
      </div>
    </li>
  );
}
