import "@/features/runs/runs.css";
import "./approval.css";
import { useQuery } from "@tanstack/react-query";
import { approvals, me } from "@/api/queries";
import { mayAnswer } from "@/app/attention";
import { Page, Panel } from "@/components/page";
import { Problem } from "@/components/problem";
import { useMay } from "@/lib/may";
import { ApprovalRow } from "./approval-row";
import { MinePanel } from "./mine-panel";

export default function ApprovalsPage() {
  const { data: who } = useQuery(me);
  const mayDecide = useMay("approvals:answer");
  const open = useQuery(approvals("pending"));
  const all = useQuery(approvals());
  const mine = open.data?.items.filter((item) => mayAnswer(item, who)) ?? [];
  const others = open.data?.items.filter((item) => !mayAnswer(item, who)) ?? [];
  const decided = all.data?.items.filter((item) => item.state !== "pending") ?? [];
  const error = open.error ?? all.error;
  return (
    <Page title="Approvals">
      {error !== null && <Problem error={error} />}
      {open.data !== undefined && mayDecide && <MinePanel approvals={mine} />}
      {open.data !== undefined && !mayDecide && others.length === 0 && (
        <p className="muted">
          Nothing waits for a decision. Others decide; you see here what they are asked.
        </p>
      )}
      {others.length > 0 && (
        <Panel title="Waiting for others">
          <ul className="rows">
            {others.map((item) => (
              <ApprovalRow key={item.id} approval={item} />
            ))}
          </ul>
        </Panel>
      )}
      {decided.length > 0 && (
        <Panel title="Decided">
          <ul className="rows">
            {decided.map((item) => (
              <ApprovalRow key={item.id} approval={item} />
            ))}
          </ul>
        </Panel>
      )}
    </Page>
  );
}
