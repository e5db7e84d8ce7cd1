"""The records that statistics are made of, each read with a bound."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from commandcenter.hub.statistics import Ended
from commandcenter.kit.clock import utc_now
from commandcenter.kit.database import Database
from commandcenter.models import Agent, Approval, Attempt, ProjectStack, Run

MOST_ROWS = 20_000  # of runs, of attempts, of approvals; the newest


@dataclass(frozen=True, slots=True)
class Records:
    """`is_cut`: there are more of one kind than were read, so the oldest are not in it."""

    since: datetime
    until: datetime
    runs: Sequence[Ended]
    attempts: Sequence[Ended]  # without checks
    approvals: Sequence[Ended]  # their states are those of approvals
    stacks: dict[str, int]  # by state, now
    is_cut: bool


class StatisticsRecords:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, hours: int) -> Records:
        """Return what began in the last so many whole hours, the present one included."""
        until = utc_now()
        first = until.replace(minute=0, second=0, microsecond=0) - timedelta(hours=hours - 1)
        async with self._database.read() as session:
            runs = await _runs(session, first)
            attempts = await _attempts(session, first)
            approvals = await _approvals(session, first)
            states = await session.execute(
                select(ProjectStack.state, func.count()).group_by(ProjectStack.state)
            )
            stacks = dict(list(states.tuples()))
        kinds = (runs, attempts, approvals)
        return Records(
            since=first,
            until=until,
            runs=runs,
            attempts=attempts,
            approvals=approvals,
            stacks=stacks,
            is_cut=any(len(kind) == MOST_ROWS for kind in kinds),
        )


async def _runs(session: AsyncSession, since: datetime) -> list[Ended]:
    query = (
        select(Run.workflow_name, Run.state, Run.created_at, Run.finished_at)
        .where(Run.created_at >= since)
        .order_by(Run.created_at.desc())
        .limit(MOST_ROWS)
    )
    return [Ended(*row) for row in (await session.execute(query)).tuples()]


async def _attempts(session: AsyncSession, since: datetime) -> list[Ended]:
    query = (
        select(
            Agent.name,
            Attempt.state,
            func.coalesce(Attempt.started_at, Attempt.created_at),
            Attempt.finished_at,
            func.coalesce(Attempt.cpu_seconds, 0.0),
        )
        .join(Agent, Agent.id == Attempt.agent_id)
        .where(Attempt.created_at >= since, Attempt.is_check.is_(False))
        .order_by(Attempt.created_at.desc())
        .limit(MOST_ROWS)
    )
    return [Ended(*row) for row in (await session.execute(query)).tuples()]


async def _approvals(session: AsyncSession, since: datetime) -> list[Ended]:
    query = (
        select(Approval.node, Approval.state, Approval.created_at, Approval.decided_at)
        .where(Approval.created_at >= since)
        .order_by(Approval.created_at.desc())
        .limit(MOST_ROWS)
    )
    return [Ended(*row) for row in (await session.execute(query)).tuples()]
