"""Asking people about one effect, and taking the question back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from commandcenter.approvals.states import ApprovalState
from commandcenter.events.store import EventStore
from commandcenter.events.types import EventType
from commandcenter.kit.clock import utc_now
from commandcenter.kit.ids import new_id
from commandcenter.models import Approval


@dataclass(frozen=True, slots=True)
class ApprovalRequest:
    run_id: str
    node: str
    project_id: str | None
    effect: Mapping[str, Any]  # what would happen, for people
    effect_hash: str  # what exactly is agreed to
    groups: Sequence[str]  # empty: anyone with the right to approve
    quorum: int
    allow_self: bool
    requested_by: str  # principal id
    expires_at: datetime


async def request_approval(
    session: AsyncSession, events: EventStore, request: ApprovalRequest
) -> str:
    """Store the question in the caller's transaction and return its id."""
    approval_id = new_id("apr")
    session.add(
        Approval(
            id=approval_id,
            run_id=request.run_id,
            node=request.node,
            project_id=request.project_id,
            state=ApprovalState.PENDING.value,
            effect=dict(request.effect),
            effect_hash=request.effect_hash,
            groups=list(request.groups),
            quorum=request.quorum,
            allow_self=request.allow_self,
            requested_by=request.requested_by,
            created_at=utc_now(),
            expires_at=request.expires_at,
        )
    )
    await events.append(
        session,
        EventType.APPROVAL_REQUESTED,
        subject=approval_id,
        run_id=request.run_id,
        project_id=request.project_id,
        data={
            "node": request.node,
            "groups": list(request.groups),
            "quorum": request.quorum,
            "expires_at": request.expires_at.isoformat(),
        },
    )
    return approval_id


async def resolve_approval(
    session: AsyncSession, events: EventStore, approval: Approval, state: ApprovalState
) -> bool:
    """Move a pending approval to a final state; False when somebody else was first."""
    return await _move(session, events, approval, state, among=(ApprovalState.PENDING,))


async def supersede_approval(session: AsyncSession, events: EventStore, approval: Approval) -> bool:
    """Close a question whose effect is no longer what would happen, be it answered yes or not.

    Its answers stay. False when it ended in another way.
    """
    among = (ApprovalState.PENDING, ApprovalState.APPROVED)
    return await _move(session, events, approval, ApprovalState.SUPERSEDED, among=among)


async def _move(
    session: AsyncSession,
    events: EventStore,
    approval: Approval,
    state: ApprovalState,
    *,
    among: Sequence[ApprovalState],
) -> bool:
    moved = await session.execute(
        update(Approval)
        .where(Approval.id == approval.id, Approval.state.in_([one.value for one in among]))
        .values(state=state.value, decided_at=utc_now())
        .returning(Approval.id)
    )
    if moved.scalar_one_or_none() is None:
        return False
    await events.append(
        session,
        EventType.APPROVAL_RESOLVED,
        subject=approval.id,
        run_id=approval.run_id,
        project_id=approval.project_id,
        data={"node": approval.node, "state": state.value},
    )
    return True
