"""Every change of a run under way: one transaction each, fenced, with its event.

The fence is the run's epoch. Each execution of a run takes the next number; a transaction of an
older execution (a worker that was thought dead, a paused process) finds a higher number and is
refused, so that it can record nothing.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from commandcenter.engine.states import StepState
from commandcenter.events.store import EventStore
from commandcenter.events.types import EventType
from commandcenter.kit.clock import utc_now
from commandcenter.kit.database import Database
from commandcenter.models import Attempt, Run, Step
from commandcenter.runs.states import AttemptState, RunState
from commandcenter.runtimes.base import AttemptResult


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
            epoch = await session.scalar(
                select(Run.epoch).where(Run.id == self.run_id).with_for_update()
            )
            if epoch != self._epoch:
                raise SupersededError(self.run_id)
            yield session

    async def append(
        self, session: AsyncSession, event_type: EventType, subject: str, data: Mapping[str, Any]
    ) -> None:
        await self.events.append(
            session,
            event_type,
            subject=subject,
            run_id=self.run_id,
            project_id=self.project_id,
            data=data,
        )

    async def is_current(self) -> bool:
        """Whether no later execution has taken over. A fact of the past as soon as it is told."""
        async with self._database.read() as session:
            epoch = await session.scalar(select(Run.epoch).where(Run.id == self.run_id))
        return epoch == self._epoch

    async def set_step(self, session: AsyncSession, node: str, **values: Any) -> None:
        await session.execute(
            update(Step).where(Step.run_id == self.run_id, Step.node == node).values(**values)
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
        async with self.transaction() as session:
            await session.execute(
                insert(Attempt).values(
                    id=attempt_id,
                    run_id=self.run_id,
                    node=node,
                    number=number,
                    state=AttemptState.RUNNING.value,
                    message="",
                    runtime=runtime,
                    agent_id=agent_id,
                    created_at=now,
                )
            )
            values: dict[str, Any] = {
                "state": StepState.RUNNING.value,
                "inputs": dict(inputs),
                "attempt_count": number,
                "retry_at": None,
                "message": "",
            }
            if number == 1:
                values["started_at"] = now
            await self.set_step(session, node, **values)
            await self.append(
                session,
                EventType.ATTEMPT_STARTED,
                attempt_id,
                {"node": node, "number": number},
            )

    async def attempt_finished(
        self,
        session: AsyncSession,
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
        await session.execute(
            update(Attempt)
            .where(Attempt.id == attempt_id, Attempt.state == AttemptState.RUNNING.value)
            .values(
                state=end.state.value,
                reason=end.reason,
                message=end.message,
                exit_code=result.exit_code if result else None,
                cpu_seconds=result.usage.cpu_seconds if result else None,
                memory_peak_bytes=result.usage.memory_peak_bytes if result else None,
                started_at=result.started_at if result else None,
                finished_at=result.finished_at if result else utc_now(),
                **({"report": dict(report)} if report is not None else {}),
            )
        )
        await self.append(
            session,
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

    async def step_finished(
        self,
        session: AsyncSession,
        *,
        node: str,
        state: StepState,
        reason: str | None = None,
        message: str = "",
        outputs: Mapping[str, Any] | None = None,
    ) -> None:
        await self.set_step(
            session,
            node,
            state=state.value,
            reason=reason,
            message=message,
            outputs=dict(outputs) if outputs is not None else None,
            finished_at=utc_now(),
            retry_at=None,
        )
        await self.append(
            session,
            EventType.STEP_FINISHED,
            node,
            {"state": state.value, "reason": reason, "message": message},
        )

    async def step_ended_without_attempt(
        self, *, node: str, state: StepState, reason: str | None, message: str
    ) -> None:
        async with self.transaction() as session:
            await self.step_finished(
                session, node=node, state=state, reason=reason, message=message
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
        async with self.transaction() as session:
            await self.attempt_finished(session, attempt_id=attempt_id, node=node, end=end)
            await self.set_step(session, node, retry_at=retry_at, message=end.message)
            await self.append(
                session,
                EventType.STEP_RETRYING,
                node,
                {
                    "reason": end.reason,
                    "message": end.message,
                    "retry_at": retry_at.isoformat(),
                    "next_number": next_number,
                },
            )

    async def run_finished(
        self, session: AsyncSession, *, state: RunState, reason: str | None, message: str
    ) -> None:
        await record_run_end(
            session,
            self.events,
            run_id=self.run_id,
            project_id=self.project_id,
            state=state,
            reason=reason,
            message=message,
        )


async def record_run_end(
    session: AsyncSession,
    events: EventStore,
    *,
    run_id: str,
    project_id: str | None,
    state: RunState,
    reason: str | None,
    message: str,
) -> None:
    """Record a run's end in the caller's transaction, which must hold the run's row."""
    await session.execute(
        update(Run)
        .where(Run.id == run_id)
        .values(state=state.value, reason=reason, message=message, finished_at=utc_now())
    )
    await events.append(
        session,
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
    async with database.write() as session:
        row = (
            await session.execute(
                select(Run.state, Run.epoch, Run.project_id)
                .where(Run.id == run_id)
                .with_for_update()
            )
        ).one_or_none()
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
        await session.execute(update(Run).where(Run.id == run_id).values(**values))
        if not begun.is_restart:
            await events.append(
                session,
                EventType.RUN_STARTED,
                subject=run_id,
                run_id=run_id,
                project_id=row.project_id,
                data={"epoch": begun.epoch, "executor_id": executor_id},
            )
    return begun
