"""Ending a run whose execution cannot go on: nothing of it is left running, waiting or open."""

import asyncio
import logging
from collections.abc import Mapping

from sqlalchemy import select

from commandcenter.approvals.request import resolve_approval
from commandcenter.approvals.states import ApprovalState
from commandcenter.engine.states import StepState
from commandcenter.kit.database import Database, Transaction, within
from commandcenter.kit.errors import ProblemError
from commandcenter.models import Approval, Attempt, Step
from commandcenter.runs.recorder import AttemptEnd, RunRecorder
from commandcenter.runs.states import AttemptState, RunFailure, RunState
from commandcenter.runtimes.base import Handle, Runtime
from commandcenter.runtimes.results import FailureReason

_RUNTIME_SECONDS = 30.0

logger = logging.getLogger(__name__)


async def abandon_run(
    database: Database,
    recorder: RunRecorder,
    runtimes: Mapping[str, Runtime],
    *,
    reason: RunFailure,
    message: str,
) -> None:
    """Stop what runs, withdraw what is asked, and record steps and run as failed.

    Raises `SupersededError` when another execution has taken over: the run is then its business.
    """
    async with database.read() as session:
        attempts = list(
            await session.scalars(
                select(Attempt).where(
                    Attempt.run_id == recorder.run_id,
                    Attempt.state == AttemptState.RUNNING.value,
                )
            )
        )
    if not await recorder.is_current():
        return
    for attempt in attempts:
        await _end(runtimes, attempt)
    async with recorder.transaction() as session:
        for approval in await session.scalars(
            select(Approval).where(
                Approval.run_id == recorder.run_id, Approval.state == ApprovalState.PENDING.value
            )
        ):
            await resolve_approval(session, recorder.events, approval, ApprovalState.CANCELLED)
        end = AttemptEnd(AttemptState.FAILED, FailureReason.SYSTEM_ERROR.value, message, None)
        steps = list(
            await session.scalars(
                select(Step).where(Step.run_id == recorder.run_id).order_by(Step.position)
            )
        )

        def fail(transaction: Transaction) -> None:
            for attempt in attempts:
                recorder.attempt_finished(
                    transaction,
                    attempt_id=attempt.id,
                    node=attempt.node,
                    end=end,
                    is_check=attempt.is_check,
                )
            for step in steps:
                state = StepState(step.state)
                if state.is_final:
                    continue
                begun = state in {StepState.RUNNING, StepState.WAITING}
                recorder.step_finished(
                    transaction,
                    node=step.node,
                    state=StepState.FAILED if begun else StepState.CANCELLED,
                    reason=reason.value if begun else FailureReason.CANCELLED.value,
                    message=message,
                )
            recorder.run_finished(
                transaction, state=RunState.FAILED, reason=reason.value, message=message
            )

        await within(session, fail)


async def _end(runtimes: Mapping[str, Runtime], attempt: Attempt) -> None:
    runtime = runtimes.get(attempt.runtime)
    if runtime is None:
        logger.warning("attempt %s ran on %s, which is not here", attempt.id, attempt.runtime)
        return
    handle = Handle(runtime=attempt.runtime, attempt_id=attempt.id)
    try:
        async with asyncio.timeout(_RUNTIME_SECONDS):
            await runtime.stop(handle, grace_seconds=0.0)
            await runtime.remove(handle)
    except (ProblemError, TimeoutError) as error:
        logger.warning("attempt %s could not be stopped: %s", attempt.id, error)
