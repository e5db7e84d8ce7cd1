"""Recording checks: attempts like any other, kept apart from those that do the step's work."""

from collections.abc import Sequence

from sqlalchemy import insert, select

from commandcenter.approvals.check import CheckReport
from commandcenter.engine.states import StepState
from commandcenter.events.types import EventType
from commandcenter.kit.clock import utc_now
from commandcenter.kit.database import Database, Transaction
from commandcenter.models import Attempt
from commandcenter.runs.gate import Effect
from commandcenter.runs.recorder import AttemptEnd, RunRecorder
from commandcenter.runs.states import AttemptState


async def checks_so_far(database: Database, run_id: str, node: str) -> Sequence[Attempt]:
    """Return the step's checks in the order in which they were made."""
    async with database.read() as session:
        found = await session.scalars(
            select(Attempt)
            .where(Attempt.run_id == run_id, Attempt.node == node, Attempt.is_check)
            .order_by(Attempt.number)
        )
        return found.all()


async def check_started(
    recorder: RunRecorder,
    *,
    node: str,
    number: int,
    attempt_id: str,
    agent_id: str,
    runtime: str,
    effect: Effect,
) -> None:
    """Record that the check is about to start; only then may it be started."""
    attempt = {
        "id": attempt_id,
        "run_id": recorder.run_id,
        "node": node,
        "number": number,
        "state": AttemptState.RUNNING.value,
        "message": "",
        "runtime": runtime,
        "agent_id": agent_id,
        "is_check": True,
        "effect_hash": effect.hash,
        "created_at": utc_now(),
    }

    def work(transaction: Transaction) -> None:
        transaction.connection.execute(insert(Attempt), attempt)
        recorder.set_step(
            transaction,
            node,
            state=StepState.RUNNING.value,
            inputs=dict(effect.inputs),
            retry_at=None,
            message="checks beforehand whether it can be done",
        )
        data = {"node": node, "number": number}
        recorder.append(transaction, EventType.CHECK_STARTED, attempt_id, data)

    await recorder.transact(work)


async def check_finished(
    recorder: RunRecorder,
    *,
    node: str,
    attempt_id: str,
    end: AttemptEnd,
    report: CheckReport | None,
) -> None:
    """Record the check's end; `report` is None where nothing is to be learnt from it."""
    await recorder.transact(
        lambda transaction: recorder.attempt_finished(
            transaction,
            attempt_id=attempt_id,
            node=node,
            end=end,
            is_check=True,
            report=report.to_json() if report is not None else None,
        )
    )


async def waits_again(recorder: RunRecorder, node: str) -> None:
    """Record that the step goes on waiting for the answer to the question that it asked before."""
    await recorder.transact(
        lambda transaction: recorder.set_step(
            transaction, node, state=StepState.WAITING.value, message="waits for an approval"
        )
    )
