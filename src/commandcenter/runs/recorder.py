"""Every change of a run under way: one transaction each, fenced, with its event.

The fence is the run's epoch. Each execution of a run takes the next number; a transaction of an
older execution (a worker that was thought dead, a paused process) finds a higher number and is
refused, so that it can record nothing.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar, cast

from sqlalchemy import Table, bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from commandcenter.engine.states import StepState
from commandcenter.events.store import EventStore
from commandcenter.events.types import EventType
from commandcenter.kit.clock import utc_now
from commandcenter.kit.database import Database, Transaction, within
from commandcenter.models import Attempt, Run, Step
from commandcenter.runs.states import AttemptState, RunState
from commandcenter.runtimes.results import AttemptResult

T = TypeVar("T")

# Made once, because building a statement costs several times what the database takes for it. The
# columns to set are named by the parameters it is executed with.
_RUNS = cast("Table", Run.__table__)
_STEPS = cast("Table", Step.__table__)
_ATTEMPTS = cast("Table", Attempt.__table__)
_RUN = _RUNS.c.id == bindparam("of_run")
_EPOCH = select(_RUNS.c.epoch).where(_RUN)
_EPOCH_TO_WRITE = _EPOCH.with_for_update()
_RUN_TO_BEGIN = (
    select(_RUNS.c.state, _RUNS.c.epoch, _RUNS.c.project_id).where(_RUN).with_for_update()
)
_UPDATE_RUN = update(_RUNS).where(_RUN)
_UPDATE_STEP = update(_STEPS).where(
    _STEPS.c.run_id == bindparam("of_run"), _STEPS.c.node == bindparam("of_node")
)
_INSERT_ATTEMPT = insert(_ATTEMPTS)
_END_ATTEMPT = update(_ATTEMPTS).where(
    _ATTEMPTS.c.id == bindparam("of_attempt"), _ATTEMPTS.c.state == AttemptState.RUNNING.value
)


class SupersededError(Exception):
    """Another execution of this run has taken over; this one must stop without a trace."""


@dataclass(frozen=True, slots=True)
class AttemptEnd:
    """An attempt's result as recorded: the runtime's, or the hub's own verdict on it."""

    state: AttemptState
    reason: str | None
    message: str
    result: AttemptResult | None


class RunRecorder:
    """Records one execution of one run. Not shared between executions."""

    def __init__(
        self,
        database: Database,
        events: EventStore,
        *,
        run_id: str,
        project_id: str | None,
        epoch: int,
    ) -> None:
        self._database = database
        self.events = events
        self.run_id = run_id
        self.project_id = project_id
        self._epoch = epoch

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """Open a write transaction that is undone when this execution was superseded."""
        async with self._database.write() as session:
            await within(session, self._refuse_if_superseded)
            yield session

    async def transact(self, work: Callable[[Transaction], T]) -> T:
        """Do the same with a plain function, see `Database.transact`."""

        def fenced(transaction: Transaction) -> T:
            self._refuse_if_superseded(transaction)
            return work(transaction)

        return await self._database.transact(fenced)

    def _refuse_if_superseded(self, transaction: Transaction) -> None:
        if transaction.connection.scalar(_EPOCH_TO_WRITE, {"of_run": self.run_id}) != self._epoch:
            raise SupersededError(self.run_id)

    def append(
        self,
        transaction: Transaction,
        event_type: EventType,
        subject: str,
        data: Mapping[str, Any],
    ) -> None:
        self.events.add(
            transaction,
            event_type,
            subject=subject,
            run_id=self.run_id,
            project_id=self.project_id,
            data=data,
        )

    async def is_current(self) -> bool:
        """Whether no later execution has taken over. A fact of the past as soon as it is told."""
        epoch = await self._database.query(
            lambda session: session.scalar(_EPOCH, {"of_run": self.run_id})
        )
        return epoch == self._epoch

    def set_step(self, transaction: Transaction, node: str, **values: Any) -> None:
        transaction.connection.execute(
            _UPDATE_STEP, {"of_run": self.run_id, "of_node": node, **values}
        )

    async def attempt_started(
        self,
        *,
        node: str,
        number: int,
        attempt_id: str,
        agent_id: str,
        runtime: str,
        inputs: Mapping[str, Any],
    ) -> None:
        """Record that the attempt is about to start; only then may it be started."""
        now = utc_now()
        attempt: dict[str, Any] = {
            "id": attempt_id,
            "run_id": self.run_id,
            "node": node,
            "number": number,
            "state": AttemptState.RUNNING.value,
            "message": "",
            "runtime": runtime,
            "agent_id": agent_id,
            "created_at": now,
        }
        step: dict[str, Any] = {
            "state": StepState.RUNNING.value,
            "inputs": dict(inputs),
            "attempt_count": number,
            "retry_at": None,
            "message": "",
        }
        if number == 1:
            step["started_at"] = now

        def work(transaction: Transaction) -> None:
            transaction.connection.execute(_INSERT_ATTEMPT, attempt)
            self.set_step(transaction, node, **step)
            data = {"node": node, "number": number}
            self.append(transaction, EventType.ATTEMPT_STARTED, attempt_id, data)

        await self.transact(work)

    def attempt_finished(
        self,
        transaction: Transaction,
        *,
        attempt_id: str,
        node: str,
        end: AttemptEnd,
        is_check: bool = False,
        report: Mapping[str, Any] | None = None,
    ) -> None:
        """Record the end of an attempt, within a transaction that says what follows from it.

        `report` is what a check came to.
        """
        result = end.result
        transaction.connection.execute(
            _END_ATTEMPT,
            {
                "of_attempt": attempt_id,
                "state": end.state.value,
                "reason": end.reason,
                "message": end.message,
                "exit_code": result.exit_code if result else None,
                "cpu_seconds": result.usage.cpu_seconds if result else None,
                "memory_peak_bytes": result.usage.memory_peak_bytes if result else None,
                "started_at": result.started_at if result else None,
                "finished_at": result.finished_at if result else utc_now(),
                **({"report": dict(report)} if report is not None else {}),
            },
        )
        self.append(
            transaction,
            EventType.CHECK_FINISHED if is_check else EventType.ATTEMPT_FINISHED,
            attempt_id,
            {
                "node": node,
                "state": end.state.value,
                "reason": end.reason,
                "message": end.message,
                "exit_code": result.exit_code if result else None,
                **({"outcome": report["outcome"]} if report is not None else {}),
            },
        )

    def step_finished(
        self,
        transaction: Transaction,
        *,
        node: str,
        state: StepState,
        reason: str | None = None,
        message: str = "",
        outputs: Mapping[str, Any] | None = None,
    ) -> None:
        self.set_step(
            transaction,
            node,
            state=state.value,
            reason=reason,
            message=message,
            outputs=dict(outputs) if outputs is not None else None,
            finished_at=utc_now(),
            retry_at=None,
        )
        self.append(
            transaction,
            EventType.STEP_FINISHED,
            node,
            {"state": state.value, "reason": reason, "message": message},
        )

    async def step_ended_without_attempt(
        self, *, node: str, state: StepState, reason: str | None, message: str
    ) -> None:
        await self.transact(
            lambda transaction: self.step_finished(
                transaction, node=node, state=state, reason=reason, message=message
            )
        )

    async def step_retrying(
        self,
        *,
        node: str,
        attempt_id: str,
        end: AttemptEnd,
        retry_at: datetime,
        next_number: int,
    ) -> None:
        data = {
            "reason": end.reason,
            "message": end.message,
            "retry_at": retry_at.isoformat(),
            "next_number": next_number,
        }

        def work(transaction: Transaction) -> None:
            self.attempt_finished(transaction, attempt_id=attempt_id, node=node, end=end)
            self.set_step(transaction, node, retry_at=retry_at, message=end.message)
            self.append(transaction, EventType.STEP_RETRYING, node, data)

        await self.transact(work)

    def run_finished(
        self, transaction: Transaction, *, state: RunState, reason: str | None, message: str
    ) -> None:
        record_run_end(
            transaction,
            self.events,
            run_id=self.run_id,
            project_id=self.project_id,
            state=state,
            reason=reason,
            message=message,
        )


def record_run_end(
    transaction: Transaction,
    events: EventStore,
    *,
    run_id: str,
    project_id: str | None,
    state: RunState,
    reason: str | None,
    message: str,
) -> None:
    """Record a run's end in the caller's transaction, which must hold the run's row."""
    transaction.connection.execute(
        _UPDATE_RUN,
        {
            "of_run": run_id,
            "state": state.value,
            "reason": reason,
            "message": message,
            "finished_at": utc_now(),
        },
    )
    events.add(
        transaction,
        EventType.RUN_FINISHED,
        subject=run_id,
        run_id=run_id,
        project_id=project_id,
        data={"state": state.value, "reason": reason, "message": message},
    )


@dataclass(frozen=True, slots=True)
class Begun:
    epoch: int
    project_id: str | None

    @property
    def is_restart(self) -> bool:
        return self.epoch > 1


async def begin_execution(
    database: Database, events: EventStore, *, run_id: str, executor_id: str
) -> Begun | None:
    """Take the run's next epoch, which fences every earlier one; None when the run has ended."""

    def work(transaction: Transaction) -> Begun | None:
        row = transaction.connection.execute(_RUN_TO_BEGIN, {"of_run": run_id}).one_or_none()
        if row is None or RunState(row.state).is_final:
            return None
        begun = Begun(row.epoch + 1, row.project_id)
        values: dict[str, Any] = {
            "epoch": begun.epoch,
            "state": RunState.RUNNING.value,
            "executor_id": executor_id,
        }
        if not begun.is_restart:
            values["started_at"] = utc_now()
        transaction.connection.execute(_UPDATE_RUN, {"of_run": run_id, **values})
        if not begun.is_restart:
            events.add(
                transaction,
                EventType.RUN_STARTED,
                subject=run_id,
                run_id=run_id,
                project_id=row.project_id,
                data={"epoch": begun.epoch, "executor_id": executor_id},
            )
        return begun

    return await database.transact(work)
