"""What callers may do with approvals: look, and answer."""

from collections.abc import Sequence

from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from commandcenter.approvals.answer import answer_approval
from commandcenter.approvals.errors import ApprovalNotFoundError
from commandcenter.approvals.states import Answer, ApprovalState
from commandcenter.auth.audit import record
from commandcenter.auth.identity import Caller
from commandcenter.events.store import EventStore
from commandcenter.kit.database import Database
from commandcenter.models import Approval, ApprovalDecision


class ApprovalService:
    def __init__(self, database: Database, events: EventStore) -> None:
        self._database = database
        self._events = events

    async def answer(
        self, caller: Caller, approval_id: str, answer: Answer, comment: str
    ) -> tuple[Approval, Sequence[ApprovalDecision]]:
        """Answer once; see `answer_approval` for what is refused. The run goes on at once."""
        async with self._database.write() as session:
            given = await answer_approval(
                session,
                self._events,
                approval_id=approval_id,
                caller=caller,
                answer=answer,
                comment=comment,
            )
            await record(
                session,
                caller,
                f"approval.{answer.value}",
                approval_id,
                {"comment": comment, "state": given.state.value},
            )
        return await self.get(approval_id)

    async def get(self, approval_id: str) -> tuple[Approval, Sequence[ApprovalDecision]]:
        async with self._database.read() as session:
            approval = await _find(session, approval_id)
            decisions = await session.scalars(
                select(ApprovalDecision)
                .where(ApprovalDecision.approval_id == approval_id)
                .order_by(ApprovalDecision.decided_at)
            )
            return approval, decisions.all()

    async def page(
        self, *, state: ApprovalState | None, run_id: str | None, cursor: str | None, limit: int
    ) -> Sequence[Approval]:
        """Return approvals, the newest first; `cursor` is the id of the last one seen."""
        query = select(Approval).order_by(Approval.created_at.desc(), Approval.id.desc())
        if state is not None:
            query = query.where(Approval.state == state.value)
        if run_id is not None:
            query = query.where(Approval.run_id == run_id)
        async with self._database.read() as session:
            if cursor is not None:
                last = await _find(session, cursor)
                query = query.where(
                    or_(
                        Approval.created_at < last.created_at,
                        and_(Approval.created_at == last.created_at, Approval.id < last.id),
                    )
                )
            return (await session.scalars(query.limit(limit))).all()


async def _find(session: AsyncSession, approval_id: str) -> Approval:
    approval = await session.get(Approval, approval_id)
    if approval is None:
        raise ApprovalNotFoundError(
            f"There is no approval {approval_id[:100]!r}.",
            hint="commandcenter approvals lists them.",
        )
    return approval
