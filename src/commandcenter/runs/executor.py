"""Driving one run from its first ready step to its end.

The executor keeps no truth: it reads the recorded steps at its start, asks the pure scheduler what
follows, and records what happens. So a replay after a crash continues where the tables stand.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import InterfaceError, OperationalError

from commandcenter.engine.context import StepView, build_context
from commandcenter.engine.scheduling import (
    Action,
    Cancel,
    Fail,
    Finish,
    Skip,
    SkipReason,
    Start,
    next_actions,
)
from commandcenter.engine.states import RunResult, StepState
from commandcenter.kit.clock import utc_now
from commandcenter.models import Run
from commandcenter.runs.dependencies import ExecutionDependencies
from commandcenter.runs.loaded import LoadedRun, load_run
from commandcenter.runs.outcome import StepOutcome
from commandcenter.runs.recorder import RunRecorder, SupersededError, begin_execution
from commandcenter.runs.states import RunState, StepFailure
from commandcenter.runs.step import StepExecution
from commandcenter.runs.stopping import StopReason, StopSignal
from commandcenter.runtimes.base import FailureReason

_FIRST_DELAY_SECONDS = 0.2
_LAST_DELAY_SECONDS = 10.0
_STOP_MARGIN_SECONDS = 20.0

logger = logging.getLogger(__name__)


class RunExecutor:
    """Executes runs on this process's event loop, any number at once."""

    def __init__(self, dependencies: ExecutionDependencies) -> None:
        self._dependencies = dependencies
        self._active: dict[str, StopSignal] = {}
        self._draining = False
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def active_runs(self) -> int:
        return len(self._active)

    async def execute(self, run_id: str) -> None:
        """Bring the run to its end. Idempotent: an ended run is left alone.

        A database that does not answer is waited for; every other surprise ends the run as failed,
        so that none stays running for ever.
        """
        if run_id in self._active:
            return
        stop = StopSignal()
        self._active[run_id] = stop
        self._idle.clear()
        try:
            delay = _FIRST_DELAY_SECONDS
            while not self._draining:
                try:
                    await self._execute_once(run_id, stop)
                except (OperationalError, InterfaceError) as error:
                    logger.warning("run %s waits for the database: %s", run_id, error.orig)
                    await asyncio.sleep(delay)
                    delay = min(delay * 2, _LAST_DELAY_SECONDS)
                else:
                    return
        finally:
            del self._active[run_id]
            if not self._active:
                self._idle.set()

    async def drain(self, seconds: float) -> int:
        """Start nothing more, let running attempts go on for up to `seconds`, then stop them.

        Returns how many runs are left to the next start.
        """
        self._draining = True
        left = len(self._active)
        for signal in self._active.values():
            signal.set(StopReason.DRAIN, patience_seconds=seconds)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), seconds + _STOP_MARGIN_SECONDS)
        return left

    async def _execute_once(self, run_id: str, stop: StopSignal) -> None:
        epoch = await begin_execution(
            self._dependencies.database,
            self._dependencies.events,
            run_id=run_id,
            executor_id=self._dependencies.executor_id,
        )
        if epoch is None:
            return
        run = await load_run(self._dependencies.database, run_id)
        recorder = RunRecorder(
            self._dependencies.database,
            self._dependencies.events,
            run_id=run_id,
            project_id=run.project.id if run.project else None,
            epoch=epoch,
        )
        try:
            await _Execution(run, recorder, self._dependencies, stop).drive()
        except SupersededError:
            logger.warning("run %s was taken over by another execution", run_id)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            logger.exception("run %s ended by an internal error", run_id)
            await recorder.run_finished(
                state=RunState.FAILED,
                reason=FailureReason.SYSTEM_ERROR.value,
                message="an internal error ended this run; the hub's log has the details",
            )


class _Execution:
    """One execution of one run."""

    def __init__(
        self,
        run: LoadedRun,
        recorder: RunRecorder,
        dependencies: ExecutionDependencies,
        stop: StopSignal,
    ) -> None:
        self._run = run
        self._recorder = recorder
        self._dependencies = dependencies
        self._stop = stop
        self._views = {
            name: StepView(
                state=StepState(step.state),
                outputs=step.outputs or {},
                neutral=step.state == StepState.SKIPPED.value
                and step.reason != SkipReason.NEED_FAILED.value,
            )
            for name, step in run.steps.items()
        }
        self._tasks: dict[asyncio.Task[StepOutcome], str] = {}

    async def drive(self) -> None:
        """Return when the run has ended, or is left to the next start by a drain."""
        watcher = asyncio.create_task(self._watch())
        try:
            for name, view in self._views.items():
                if view.state in {StepState.RUNNING, StepState.WAITING}:
                    self._start(name)
            while await self._advance() or self._tasks:
                done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    self._collect(self._tasks.pop(task), task.result())
        finally:
            watcher.cancel()
            for task in self._tasks:
                task.cancel()
            if self._tasks:
                await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _advance(self) -> bool:
        """Do what the scheduler says follows now; False when that is nothing more."""
        if self._stop.reason is StopReason.DRAIN:
            return False
        while await self._apply(
            next_actions(
                self._run.plan,
                self._views,
                inputs=self._run.inputs,
                run=self._run.facts,
                cancelling=self._stop.is_set,
            )
        ):
            pass
        return bool(self._tasks)

    async def _apply(self, actions: Sequence[Action]) -> bool:
        """Carry the actions out; whether a step ended thereby, so that more may follow."""
        under_way = set(self._tasks.values())
        ended = False
        for action in actions:
            match action:
                case Start(node) if node not in under_way:
                    self._start(node)
                case Skip(node, reason, detail):
                    await self._end(node, StepState.SKIPPED, reason.value, detail)
                    self._views[node] = StepView(StepState.SKIPPED, neutral=action.neutral)
                    ended = True
                case Fail(node, error):
                    await self._end(node, StepState.FAILED, StepFailure.CONDITION.value, error)
                    self._views[node] = StepView(StepState.FAILED, error=error)
                    ended = True
                case Cancel(node) if node not in under_way:
                    await self._cancel(node)
                    ended = True
                case Finish(result):
                    await self._finish(result)
        return ended

    async def _end(self, node: str, state: StepState, reason: str, message: str) -> None:
        await self._recorder.step_ended_without_attempt(
            node=node, state=state, reason=reason, message=message
        )

    async def _cancel(self, node: str) -> None:
        """End a step that never started because the run is being stopped."""
        if self._stop.reason is StopReason.DEADLINE:
            state, reason = StepState.FAILED, StepFailure.RUN_DEADLINE.value
            message = "the run's deadline passed before this step's start"
        else:
            state, reason = StepState.CANCELLED, FailureReason.CANCELLED.value
            message = "the run was cancelled"
        await self._end(node, state, reason, message)
        self._views[node] = StepView(state)

    async def _finish(self, result: RunResult) -> None:
        if self._stop.reason is StopReason.CANCELLED:
            await self._recorder.run_finished(
                state=RunState.CANCELLED, reason=None, message="the run was cancelled"
            )
            return
        failed = [name for name, view in self._views.items() if view.state is StepState.FAILED]
        reason, message = None, ""
        if self._stop.reason is StopReason.DEADLINE:
            reason, message = FailureReason.TIMEOUT.value, "the run's deadline passed"
        elif failed:
            reason, message = "step_failed", f"failed: {', '.join(failed)}"
        await self._recorder.run_finished(
            state=RunState(result.value), reason=reason, message=message
        )

    def _start(self, name: str) -> None:
        execution = StepExecution(
            run=self._run,
            node=self._run.definition.node(name),
            recorder=self._recorder,
            dependencies=self._dependencies,
            stop=self._stop,
        )
        task = asyncio.create_task(execution.execute(self._context(name)))
        self._tasks[task] = name

    def _context(self, name: str) -> Mapping[str, Any]:
        return build_context(self._run.plan, name, self._views, self._run.inputs, self._run.facts)

    def _collect(self, name: str, outcome: StepOutcome) -> None:
        if outcome.state is not None:
            self._views[name] = StepView(state=outcome.state, outputs=outcome.outputs or {})

    async def _watch(self) -> None:
        """Turn a cancel request or the deadline into the stop signal."""
        with self._dependencies.events.bus.run_signal(self._run.id) as changed:
            while True:
                changed.clear()
                async with self._dependencies.database.read() as session:
                    requested = await session.scalar(
                        select(Run.cancel_requested_at).where(Run.id == self._run.id)
                    )
                if requested is not None:
                    self._stop.set(StopReason.CANCELLED)
                    return
                left = (self._run.deadline_at - utc_now()).total_seconds()
                if left <= 0:
                    self._stop.set(StopReason.DEADLINE)
                    return
                with suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), left)
