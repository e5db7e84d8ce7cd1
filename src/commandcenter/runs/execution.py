"""One execution of one run: ask the pure scheduler what follows, do it, record it."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from sqlalchemy import select

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
from commandcenter.models import Run, Step
from commandcenter.runs.dependencies import ExecutionDependencies
from commandcenter.runs.loaded import LoadedRun
from commandcenter.runs.outage import is_outage
from commandcenter.runs.outcome import StepOutcome
from commandcenter.runs.recorder import RunRecorder
from commandcenter.runs.states import RunFailure, RunState, StepFailure
from commandcenter.runs.step import StepExecution
from commandcenter.runs.stopping import StopReason, StopSignal
from commandcenter.runtimes.results import FailureReason

_LOOK_AGAIN_SECONDS = 1.0  # after the database did not answer

logger = logging.getLogger(__name__)


class RunExecution:
    """Call `drive` once."""

    def __init__(
        self,
        run: LoadedRun,
        recorder: RunRecorder,
        dependencies: ExecutionDependencies,
        stop: StopSignal,
        cancel_asked: asyncio.Event,
    ) -> None:
        """`cancel_asked` is set when somebody asked since before `run` was read."""
        self._cancel_asked = cancel_asked
        self._run = run
        self._recorder = recorder
        self._dependencies = dependencies
        self._stop = stop
        self._views = {name: _view(step) for name, step in run.steps.items()}
        self._tasks: dict[asyncio.Task[StepOutcome], str] = {}
        self._has_ended = False

    async def drive(self) -> bool:
        """Return True when the run has ended, False when a drain leaves it to a later start.

        On an error nothing is stopped: attempts go on, and the next execution adopts them.
        """
        if self._run.cancel_requested:
            self._stop.set(StopReason.CANCELLED)
        watcher = asyncio.create_task(self._watch())
        try:
            for name, view in self._views.items():
                if view.state in {StepState.RUNNING, StepState.WAITING}:
                    self._start(name)
            while True:
                await self._advance()
                if not self._tasks:
                    return self._has_ended
                await asyncio.wait(
                    [*self._tasks, *([] if watcher.done() else [watcher])],
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if watcher.done():
                    watcher.result()
                for task in [task for task in self._tasks if task.done()]:
                    self._collect(self._tasks.pop(task), task.result())
        finally:
            watcher.cancel()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(watcher, *self._tasks, return_exceptions=True)

    async def _advance(self) -> None:
        """Do what the scheduler says follows now."""
        while self._stop.reason is not StopReason.DRAIN and await self._apply(
            next_actions(
                self._run.plan,
                self._views,
                inputs=self._run.inputs,
                run=self._run.facts,
                cancelling=self._stop.is_set,
            )
        ):
            pass

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
                    self._has_ended = True
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
        failed = [name for name, view in self._views.items() if view.state is StepState.FAILED]
        state, reason, message = RunState(result.value), None, ""
        if self._stop.reason is StopReason.CANCELLED:
            state, message = RunState.CANCELLED, "the run was cancelled"
        elif self._stop.reason is StopReason.DEADLINE:
            state, reason = RunState.FAILED, RunFailure.TIMEOUT
            message = "the run's deadline passed"
        elif failed:
            reason, message = RunFailure.STEP_FAILED, f"failed: {', '.join(failed)}"
        await self._recorder.transact(
            lambda transaction: self._recorder.run_finished(
                transaction, state=state, reason=reason.value if reason else None, message=message
            )
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
            self._views[name] = StepView(
                state=outcome.state, outputs=outcome.outputs or {}, error=outcome.error
            )

    async def _watch(self) -> None:
        """Turn a cancel request or the deadline into the stop signal."""
        asked = self._cancel_asked
        while not self._stop.is_set:
            left = (self._run.deadline_at - utc_now()).total_seconds()
            if left <= 0:
                self._stop.set(StopReason.DEADLINE)
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(asked.wait(), left)
            if not asked.is_set():
                continue
            asked.clear()
            try:
                if await self._is_cancelled():
                    self._stop.set(StopReason.CANCELLED)
            except Exception as error:
                if not is_outage(error):
                    raise
                asked.set()
                await asyncio.sleep(_LOOK_AGAIN_SECONDS)

    async def _is_cancelled(self) -> bool:
        asked_at = select(Run.cancel_requested_at).where(Run.id == self._run.id)
        found = await self._dependencies.database.query(lambda session: session.scalar(asked_at))
        return found is not None


def _view(step: Step) -> StepView:
    state = StepState(step.state)
    return StepView(
        state=state,
        outputs=step.outputs or {},
        error=step.message if state is StepState.FAILED else None,
        neutral=state is StepState.SKIPPED and step.reason != SkipReason.NEED_FAILED.value,
    )
