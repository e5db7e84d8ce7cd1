import type { ApprovalView } from "@/api/generated/schema";

/** Whether a comment was typed for a decision that was made without it. */
export function isUnsent(
  { state, decisions }: Pick<ApprovalView, "state" | "decisions">,
  who: string,
  comment: string,
): boolean {
  const typed = comment.trim();
  // One's own answer may have come from another window, with other words.
  const isGiven = decisions.some(
    (each) => each.principal_name === who && each.comment.trim() === typed,
  );
  return state !== "pending" && typed !== "" && !isGiven;
}
