import "./approval.css";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import type { ApprovalView, CheckView } from "@/api/generated/schema";
import { approval as approvalQuery, me, run as runQuery } from "@/api/queries";
import { mayAnswer } from "@/app/attention";
import { Diff } from "@/components/diff";
import { Json } from "@/components/json";
import { Page, Panel } from "@/components/page";
import { Problem } from "@/components/problem";
import { State } from "@/components/state";
import { Ago, Moment } from "@/components/time";
import { count } from "@/lib/format";
import { Verdict } from "./verdict";

const route = getRouteApi("/approvals/$approval");
const NAMED_FILES = 50;

export default function ApprovalPage() {
  const { approval: id } = route.useParams();
  const { data: who } = useQuery(me);
  const { data: approval, error } = useQuery(approvalQuery(id));
  const title = approval === undefined ? "Approval" : `${approval.workflow}: ${approval.node}`;
  return (
    <Page
      title={title}
      crumbs={
        <>
          <Link to="/approvals">Approvals</Link> /{" "}
          {approval !== undefined && (
            <Link to="/runs/$run" params={{ run: approval.run_id }}>
              its run
            </Link>
          )}
        </>
      }
      actions={
        approval !== undefined && (
          <State
            state={approval.state}
            tone={approval.state === "pending" ? "waiting" : undefined}
            word={approval.state === "pending" ? "waits for a decision" : undefined}
          />
        )
      }
    >
      {error !== null && <Problem error={error} />}
      {approval !== undefined && (
        <div className="approval">
          <div className="stack">
            {approval.asked_again !== null && (
              <p className="note">Asked again: {approval.asked_again}</p>
            )}
            {approval.notes.map((note) => (
              <p key={note} className="note">
                {note}
              </p>
            ))}
            {approval.check !== null && <Checked check={approval.check} />}
            {approval.diff !== null ? <Diff text={approval.diff} /> : null}
            <Inputs approval={approval} />
          </div>
          <div className="aside stack">
            <Facts approval={approval} />
            {who !== undefined && <Decision approval={approval} who={who} />}
          </div>
        </div>
      )}
    </Page>
  );
}

function Facts({ approval }: { approval: ApprovalView }) {
  const { data: run } = useQuery(runQuery(approval.run_id));
  const agent = approval.effect.agent as { description?: string; risk?: string };
  return (
    <Panel title="What it could touch" className="facts-panel">
      <div className="body stack">
        <p>
          <span className="mono">{approval.agent}</span>
          {agent.description !== undefined && <span className="muted"> {agent.description}</span>}
        </p>
        <ul className="plain">
          {approval.blast_radius.map((line) => (
            <li key={line} className="wrap">
              {line}
            </li>
          ))}
        </ul>
        <dl className="facts">
          <dt>Risk</dt>
          <dd>{(agent.risk ?? "").replaceAll("_", " ").toLowerCase()}</dd>
          {approval.changes.length > 0 && (
            <>
              <dt>Changes</dt>
              <dd>{count(approval.changes.length, "file")}</dd>
            </>
          )}
          <dt>Asked</dt>
          <dd>
            {run?.requested_by_name != null && `by ${run.requested_by_name}, `}
            <Ago at={approval.created_at} />
          </dd>
          {approval.state === "pending" && (
            <>
              <dt>Time left</dt>
              <dd>
                ends <Ago at={approval.expires_at} />
              </dd>
            </>
          )}
          <dt>Decided by</dt>
          <dd>{approval.groups.length > 0 ? approval.groups.join(", ") : "who may approve"}</dd>
          <dt>Bound to</dt>
          <dd className="mono" title={approval.effect_hash}>
            {approval.effect_hash.slice(0, 16)}
          </dd>
        </dl>
      </div>
    </Panel>
  );
}

function Decision({
  approval,
  who,
}: {
  approval: ApprovalView;
  who: Parameters<typeof mayAnswer>[1] & object;
}) {
  const given = approval.decisions.filter(({ decision }) => decision === "approve").length;
  const isMine = mayAnswer(approval, who);
  const hasAnswered = approval.decisions.some((each) => each.principal_name === who.name);
  return (
    <Panel
      title="Decision"
      aside={
        <span className="small muted">
          {given} of {count(approval.quorum, "approval")}
        </span>
      }
      className="verdict-panel"
    >
      <div className="body stack">
        {approval.decisions.length > 0 && (
          <ul className="answers">
            {approval.decisions.map((answer) => (
              <li key={answer.decided_at}>
                <strong>{answer.principal_name}</strong>{" "}
                {answer.decision === "approve" ? "approved" : "rejected"}{" "}
                <span className="muted">
                  <Moment at={answer.decided_at} />
                </span>
                {answer.comment !== "" && <blockquote>{answer.comment}</blockquote>}
              </li>
            ))}
          </ul>
        )}
        {approval.state === "pending" && !isMine && (
          <p className="muted">You may look at it; others decide.</p>
        )}
        {isMine && (!hasAnswered || approval.state !== "pending") && (
          <Verdict approval={approval} who={who.name} />
        )}
        {approval.state !== "pending" && approval.decisions.length === 0 && (
          <p className="muted">It was closed without an answer: {approval.state}.</p>
        )}
      </div>
    </Panel>
  );
}

function Checked({ check }: { check: CheckView }) {
  const isKnown = check.outcome === "possible";
  const files = check.files?.slice(0, NAMED_FILES) ?? [];
  return (
    <section className="panel edge check" data-tone={isKnown ? "good" : "waiting"}>
      <div className="body">
        <h2>{isKnown ? "Checked: it can be done" : "Whether it can be done is not known"}</h2>
        <p className="wrap">{check.message}</p>
        {files.length > 0 && (
          <p className="small muted wrap">
            {count(check.files_total, "file")}: <span className="mono">{files.join(", ")}</span>
            {check.files_total > files.length && " and more"}
          </p>
        )}
        {check.conflicts.map((conflict) => (
          <p key={`${conflict.file}${conflict.reason}`} className="wrap">
            <span className="mono">{conflict.file || "as a whole"}</span>: {conflict.reason}
          </p>
        ))}
        <p className="small muted">
          Tried by the agent <Ago at={check.at} /> without being able to change anything. It looks
          again before it starts.
        </p>
      </div>
    </section>
  );
}

/** All inputs but the diff, which has its own place. */
function Inputs({ approval }: { approval: ApprovalView }) {
  const shown = Object.entries(approval.effect.inputs as Record<string, unknown>).filter(
    ([name, value]) =>
      value !== null && (approval.diff === null || name !== approval.effect.diff_input),
  );
  if (shown.length === 0) return null;
  return (
    <Panel title="Inputs">
      <div className="body">
        <Json value={Object.fromEntries(shown)} label="Inputs" />
      </div>
    </Panel>
  );
}
