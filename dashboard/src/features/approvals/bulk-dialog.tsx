import { Button, Modal, Textarea } from "@mantine/core";
import { useQueries, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { http, ProblemError, take } from "@/api/client";
import type { Answer, ApprovalSummary, ApprovalView } from "@/api/generated/schema";
import { approval as approvalQuery } from "@/api/queries";
import { State } from "@/components/state";
import { count } from "@/lib/format";
import type { Tone } from "@/lib/status";
import { toneOf } from "@/lib/status";

/** What became of one answer; `isMine` when it counted. */
type Outcome = { isMine: boolean; tone: Tone; word: string; detail: string };

const VERBS: Record<Answer, string> = { approve: "Approve", reject: "Reject" };

/** One answer to several questions: each is listed with what it could touch before it is given. */
export default function BulkDialog({
  chosen,
  decision,
  onClose,
}: {
  chosen: ApprovalSummary[];
  decision: Answer;
  onClose: () => void;
}) {
  const client = useQueryClient();
  const [comment, setComment] = useState("");
  const [outcomes, setOutcomes] = useState<Record<string, Outcome>>({});
  const [phase, setPhase] = useState<"asking" | "giving" | "done">("asking");
  const details = useQueries({ queries: chosen.map(({ id }) => approvalQuery(id)) });
  const views = chosen.map((each, index) => ({ summary: each, view: details[index]?.data }));
  const open = views.filter(({ summary, view }) => (view ?? summary).state === "pending");
  const isKnown = details.every(({ isPending }) => !isPending);

  const give = async () => {
    setPhase("giving");
    for (const { summary } of open) {
      const outcome = await answer(summary.id, decision, comment);
      setOutcomes((before) => ({ ...before, [summary.id]: outcome }));
      void client.invalidateQueries({ queryKey: approvalQuery(summary.id).queryKey });
    }
    void client.invalidateQueries({ queryKey: ["approvals"] });
    setPhase("done");
  };

  const mine = Object.values(outcomes).filter(({ isMine }) => isMine).length;
  const others = Object.keys(outcomes).length - mine;
  return (
    <Modal
      opened
      onClose={onClose}
      size="xl"
      title={`${VERBS[decision]} ${count(chosen.length, "request")}`}
      closeOnClickOutside={phase === "asking"}
    >
      <div className="stack">
        <ul className="rows bulk">
          {views.map(({ summary, view }) => (
            <BulkRow
              key={summary.id}
              summary={summary}
              view={view}
              outcome={outcomes[summary.id]}
            />
          ))}
        </ul>
        {phase === "done" ? (
          <>
            <p role="status">
              {count(mine, "answer")} given
              {others > 0 && `; ${count(others, "other")} could not be, for the reason beside it`}.
            </p>
            <div>
              <Button onClick={onClose}>Close</Button>
            </div>
          </>
        ) : (
          <>
            <Textarea
              aria-label="Comment"
              placeholder="Comment, kept with each answer"
              maxLength={4000}
              autosize
              minRows={1}
              maxRows={4}
              value={comment}
              onChange={(event) => setComment(event.currentTarget.value)}
            />
            <div className="line">
              <Button
                color={decision === "approve" ? "green" : "red"}
                variant={decision === "approve" ? "filled" : "outline"}
                loading={phase === "giving"}
                disabled={open.length === 0 || !isKnown}
                onClick={() => void give()}
              >
                {VERBS[decision]} these {open.length}
              </Button>
              <Button variant="default" disabled={phase === "giving"} onClick={onClose}>
                Not now
              </Button>
            </div>
          </>
        )}
      </div>
    </Modal>
  );
}

/** Give the answer and tell what became of it; never throws. */
async function answer(id: string, decision: Answer, comment: string): Promise<Outcome> {
  try {
    const decided = await take(
      http.POST("/api/v1/approvals/{approval_id}/respond", {
        params: { path: { approval_id: id } },
        body: { decision, comment },
      }),
    );
    const isOpen = decided.state === "pending";
    return {
      isMine: true,
      tone: isOpen ? "waiting" : toneOf(decided.state),
      word: isOpen ? "answered" : decided.state,
      detail: isOpen ? "It waits for more people." : "",
    };
  } catch (error) {
    const problem = error instanceof ProblemError ? error : null;
    return {
      isMine: false,
      tone: "bad",
      word: problem?.status === 409 ? "was decided first" : "not answered",
      detail: problem?.detail ?? String(error),
    };
  }
}

function BulkRow({
  summary,
  view,
  outcome,
}: {
  summary: ApprovalSummary;
  view: ApprovalView | undefined;
  outcome: Outcome | undefined;
}) {
  const isOpen = (view ?? summary).state === "pending";
  const by = view?.decisions.map((each) => each.principal_name).join(", ");
  return (
    <li className="row edge" data-tone={outcome?.tone ?? (isOpen ? "waiting" : "idle")}>
      <div className="grow">
        <div className="line">
          <Link to="/approvals/$approval" params={{ approval: summary.id }} target="_blank">
            {summary.workflow}: {summary.node}
          </Link>
          {summary.project !== null && <span className="muted">{summary.project}</span>}
          <span className="mono small muted">{summary.agent}</span>
        </div>
        <div className="small muted wrap">
          {[
            ...(view?.blast_radius ?? []),
            ...(view === undefined || view.changes.length === 0
              ? []
              : [`changes ${view.changes.map(({ file }) => file).join(", ")}`]),
          ].join("; ")}
        </div>
        {view?.notes.map((note) => (
          <div key={note} className="small wrap waiting-note">
            {note}
          </div>
        ))}
        {outcome !== undefined && outcome.detail !== "" && (
          <div className="small wrap">{outcome.detail}</div>
        )}
      </div>
      {outcome !== undefined && <State state={outcome.word} tone={outcome.tone} />}
      {outcome === undefined && !isOpen && (
        <span className="small">
          {view?.state ?? summary.state} meanwhile{by ? `, by ${by}` : ""}
        </span>
      )}
    </li>
  );
}
