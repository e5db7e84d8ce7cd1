"""Ending a run that no executor has begun: there is nothing to stop."""

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from commandcenter.engine.states import StepState
from commandcenter.events.store import EventStore
from commandcenter.kit.clock import utc_now
from commandcenter.kit.database import within
from commandcenter.models import Run, Step
from commandcenter.runs.recorder import record_run_end
from commandcenter.runs.states import RunFailure, RunState
from commandcenter.runtimes.results import FailureReason


async def end_unstarted(
    session: AsyncSession, events: EventStore, run: Run, state: RunState
) -> None:
    """End a queued run in the caller's transaction, which holds its row.

    An executor that comes for it later finds it ended.
    """
    late = state is RunState.FAILED
    message = "the run's deadline passed before its start" if late else "the run was cancelled"
    reason = RunFailure.TIMEOUT.value if late else FailureReason.CANCELLED.value
    await session.execute(
        update(Step)
        .where(Step.run_id == run.id, Step.state == StepState.PENDING.value)
        .values(
            state=StepState.CANCELLED.value, reason=reason, message=message, finished_at=utc_now()
        )
    )
    await within(
        session,
        lambda transaction: record_run_end(
            transaction,
            events,
            run_id=run.id,
            project_id=run.project_id,
            state=state,
            reason=reason if late else None,
            message=message,
        ),
    )
