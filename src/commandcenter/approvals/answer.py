"""A person's answer to an approval: atomic, once per person, and never from outside the groups."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from commandcenter.approvals.errors import (
    ApprovalAnsweredError,
    ApprovalCancelledError,
    ApprovalDecidedError,
    ApprovalExpiredError,
    ApprovalForbiddenError,
    ApprovalNotFoundError,
    ApprovalSupersededError,
)
from commandcenter.approvals.request import resolve_approval
from commandcenter.approvals.states import Answer, ApprovalState, outcome
from commandcenter.auth.caller import Caller
from commandcenter.events.store import EventStore
from commandcenter.events.types import EventType
from commandcenter.kit.clock import utc_now
from commandcenter.kit.ids import new_id
from commandcenter.models import Approval, ApprovalDecision

_CLOSED = {
    ApprovalState.CANCELLED.value: ApprovalCancelledError,
    ApprovalState.EXPIRED.value: ApprovalExpiredError,
    ApprovalState.SUPERSEDED.value: ApprovalSupersededError,
}


@dataclass(frozen=True, slots=True)
class AnswerGiven:
    state: ApprovalState
    approvals: int
    quorum: int


async def answer_approval(
    session: AsyncSession,
    events: EventStore,
    *,
    approval_id: str,
    caller: Caller,
    answer: Answer,
    comment: str,
) -> AnswerGiven:
    """Record the answer and, when that decides it, the outcome, in the caller's transaction.

    Raises an error and changes nothing when the approval is unknown, decided, expired, already
    answered by this person, or not this person's to decide.
    """
    approval = await session.scalar(
        select(Approval).where(Approval.id == approval_id).with_for_update()
    )
    if approval is None:
        raise ApprovalNotFoundError(
            f"There is no approval {approval_id}.", hint="commandcenter approvals lists them."
        )
    decisions = list(
        await session.scalars(
            select(ApprovalDecision)
            .where(ApprovalDecision.approval_id == approval_id)
            .order_by(ApprovalDecision.decided_at, ApprovalDecision.id)
        )
    )
    _refuse_if_decided(approval, decisions)
    _refuse_if_not_theirs(approval, caller)
    if any(decision.principal_id == caller.principal_id for decision in decisions):
        raise ApprovalAnsweredError(
            f"{caller.name} has answered approval {approval_id} already; an answer stands.",
            fields={"state": approval.state},
        )

    session.add(
        ApprovalDecision(
            id=new_id("dec"),
            approval_id=approval_id,
            principal_id=caller.principal_id,
            principal_name=caller.name,
            decision=answer.value,
            comment=comment,
            decided_at=utc_now(),
        )
    )
    answers = [Answer(decision.decision) for decision in decisions] + [answer]
    state = outcome(answers, approval.quorum)
    approvals = sum(1 for given in answers if given is Answer.APPROVE)
    await events.append(
        session,
        EventType.APPROVAL_ANSWERED,
        subject=approval_id,
        run_id=approval.run_id,
        project_id=approval.project_id,
        data={
            "node": approval.node,
            "answer": answer.value,
            "by": caller.name,
            "approvals": approvals,
            "quorum": approval.quorum,
        },
    )
    if state is not ApprovalState.PENDING:
        await resolve_approval(session, events, approval, state)
    return AnswerGiven(state=state, approvals=approvals, quorum=approval.quorum)


def _refuse_if_decided(approval: Approval, decisions: list[ApprovalDecision]) -> None:
    if approval.state != ApprovalState.PENDING.value:
        by = ", ".join(f"{d.principal_name} ({d.decision})" for d in decisions)
        raise _CLOSED.get(approval.state, ApprovalDecidedError)(
            f"Approval {approval.id} is {approval.state}{f' by {by}' if by else ''}.",
            fields={"state": approval.state},
            hint=f"commandcenter runs show {approval.run_id} tells how the run went on.",
        )
    if approval.expires_at <= utc_now():
        raise ApprovalExpiredError(
            f"Approval {approval.id} expired at {approval.expires_at:%Y-%m-%d %H:%M:%S} UTC.",
            fields={"state": ApprovalState.EXPIRED.value},
            hint=f"commandcenter runs rerun {approval.run_id} asks again.",
        )


def _refuse_if_not_theirs(approval: Approval, caller: Caller) -> None:
    if approval.groups and not set(approval.groups) & set(caller.groups):
        raise ApprovalForbiddenError(
            f"Approval {approval.id} is for the groups {', '.join(approval.groups)}; "
            f"{caller.name} is in {', '.join(caller.groups) or 'none'}.",
            hint="Ask a member of those groups, or an admin to add you to one.",
        )
    if not approval.allow_self and approval.requested_by == caller.principal_id:
        raise ApprovalForbiddenError(
            f"{caller.name} started this run, and the gate does not let the requester approve it.",
            hint="Somebody else has to decide.",
        )
