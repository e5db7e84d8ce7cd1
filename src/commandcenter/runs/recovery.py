"""Accounting, at each start, for every run that was under way."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sqlalchemy import select

from commandcenter.kit.database import Database
from commandcenter.models import Run
from commandcenter.runs.states import UNFINISHED_RUN_STATES

Submit = Callable[[str, int], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """What the start found: run ids by what became of them. Each goes on from its tables."""

    resumed: tuple[str, ...]  # durable execution had them and starts them again
    resubmitted: tuple[str, ...]  # stored and never started, or given up by durable execution

    @property
    def total(self) -> int:
        return len(self.resumed) + len(self.resubmitted)


async def recover_runs(database: Database, *, known: set[str], submit: Submit) -> RecoveryReport:
    """Submit every unfinished run that durable execution does not know as unfinished (`known`)."""
    async with database.read() as session:
        rows = (
            await session.execute(
                select(Run.id, Run.epoch)
                .where(Run.state.in_([state.value for state in UNFINISHED_RUN_STATES]))
                .order_by(Run.created_at, Run.id)
            )
        ).all()
    resumed = tuple(row.id for row in rows if row.id in known)
    lost = [(row.id, row.epoch) for row in rows if row.id not in known]
    for run_id, epoch in lost:
        # A generation of its own: an ended durable record is never started again.
        await submit(run_id, epoch)
    return RecoveryReport(resumed=resumed, resubmitted=tuple(run_id for run_id, _ in lost))
