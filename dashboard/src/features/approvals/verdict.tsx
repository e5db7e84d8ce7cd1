import { Button, Textarea } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { http, type ProblemError, take } from "@/api/client";
import type { Answer, ApprovalView } from "@/api/generated/schema";
import { approval as approvalQuery } from "@/api/queries";
import { Problem } from "@/components/problem";
import { isUnsent } from "./unsent";

/**
 * Approve, reject, and why. The answer shows at once and is taken back when the hub says that
 * somebody else was first: the hub alone decides which of two answers counts.
 */
export function Verdict({ approval, who }: { approval: ApprovalView; who: string }) {
  const client = useQueryClient();
  const { queryKey } = approvalQuery(approval.id);
  const [comment, setComment] = useState("");
  const approve = useRef<HTMLButtonElement>(null);
  const reject = useRef<HTMLButtonElement>(null);
  useFocusKeys({ a: approve, r: reject });

  const answer = useMutation<ApprovalView, ProblemError, Answer, { before: ApprovalView }>({
    mutationFn: (decision) =>
      take(
        http.POST("/api/v1/approvals/{approval_id}/respond", {
          params: { path: { approval_id: approval.id } },
          body: { decision, comment },
        }),
      ),
    onMutate: async (decision) => {
      await client.cancelQueries({ queryKey });
      client.setQueryData(queryKey, withAnswer(approval, decision, comment, who));
      return { before: approval };
    },
    onSuccess: (decided) => client.setQueryData(queryKey, decided),
    onError: (_error, _decision, context) => {
      if (context !== undefined) client.setQueryData(queryKey, context.before);
    },
    onSettled: () => client.invalidateQueries({ queryKey }),
  });

  const left = isUnsent(approval, who, comment) ? comment : "";

  return (
    <div className="verdict">
      {answer.error !== null && <Problem error={answer.error} />}
      {approval.state === "pending" && (
        <>
          <Textarea
            aria-label="Comment"
            placeholder="Comment, kept with the answer"
            maxLength={4000}
            autosize
            minRows={1}
            maxRows={6}
            value={comment}
            onChange={(event) => setComment(event.currentTarget.value)}
          />
          <div className="buttons">
            <Button
              ref={approve}
              color="green"
              size="md"
              disabled={answer.isPending}
              onClick={() => answer.mutate("approve")}
            >
              Approve
            </Button>
            <Button
              ref={reject}
              color="red"
              variant="outline"
              size="md"
              disabled={answer.isPending}
              onClick={() => answer.mutate("reject")}
            >
              Reject
            </Button>
          </div>
        </>
      )}
      {left !== "" && (
        <Textarea
          label="Your comment, which was not sent"
          readOnly
          autosize
          minRows={1}
          maxRows={6}
          value={left}
        />
      )}
    </div>
  );
}

function withAnswer(
  approval: ApprovalView,
  decision: Answer,
  comment: string,
  who: string,
): ApprovalView {
  const decisions = [
    ...approval.decisions,
    { principal_name: who, decision, comment, decided_at: new Date().toISOString() },
  ];
  const given = decisions.filter((each) => each.decision === "approve").length;
  const state =
    decision === "reject" ? "rejected" : given >= approval.quorum ? "approved" : approval.state;
  return { ...approval, decisions, state };
}

/** A letter moves the focus to its button; Enter then presses it. One key alone decides nothing. */
function useFocusKeys(buttons: Record<string, React.RefObject<HTMLButtonElement | null>>): void {
  const known = useRef(buttons);
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const isTyping = /^(input|textarea|select)$/i.test((event.target as Element).tagName);
      if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
      known.current[event.key]?.current?.focus();
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, []);
}
