"""Executing one step: its inputs, its gate, its attempts, and what comes of them."""

import asyncio
import logging
import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from commandcenter.agents.manifest import OnLost
from commandcenter.approvals.check import CheckOutcome
from commandcenter.approvals.states import ApprovalState
from commandcenter.engine.definition import NodeDefinition
from commandcenter.engine.scheduling import retry_delay
from commandcenter.engine.states import StepState
from commandcenter.engine.templates import render_tree
from commandcenter.kit.clock import utc_now
from commandcenter.kit.errors import ProblemError
from commandcenter.models import Attempt
from commandcenter.runs.attempt import AttemptRunner
from commandcenter.runs.check import StepCheck
from commandcenter.runs.dependencies import ExecutionDependencies
from commandcenter.runs.gate import Effect, StepGate, describe_effect, gate_of
from commandcenter.runs.judge import Verdict, lost_delay, may_retry
from commandcenter.runs.loaded import LoadedRun
from commandcenter.runs.not_started import (
    AttemptNotStartedError,
    not_started_delay,
    record_not_started,
)
from commandcenter.runs.outage import is_outage
from commandcenter.runs.outcome import StepOutcome
from commandcenter.runs.recorder import AttemptEnd, RunRecorder, SupersededError
from commandcenter.runs.states import AttemptFailure, AttemptState, StepFailure
from commandcenter.runs.stopping import StopReason, StopRequestedError, StopSignal
from commandcenter.runs.target import BASE_INPUT, find_target
from commandcenter.runtimes.results import FailureReason

logger = logging.getLogger(__name__)


class _StepFailedError(Exception):
    """The step ends here without another attempt."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


@dataclass(frozen=True, slots=True)
class _Tried:
    """Attempts so far: the last number, and how the ended ones ended."""

    number: int = 0
    failures: int = 0
    lost: int = 0

    def counting(self, end: AttemptEnd) -> "_Tried":
        if end.reason == FailureReason.LOST.value:
            return replace(self, lost=self.lost + 1)
        if end.reason == AttemptFailure.INTERRUPTED.value:
            return self
        return replace(self, failures=self.failures + 1)


class StepExecution:
    """One step of one execution of a run. Call `execute` once."""

    def __init__(
        self,
        *,
        run: LoadedRun,
        node: NodeDefinition,
        recorder: RunRecorder,
        dependencies: ExecutionDependencies,
        stop: StopSignal,
    ) -> None:
        self._run = run
        self._node = node
        self._agent = run.agents[node.name]
        self._recorder = recorder
        self._dependencies = dependencies
        self._stop = stop
        self._found = run.steps[node.name]
        self._approval_id = self._found.approval_id
        self._attempts = AttemptRunner(
            run=run,
            node=node,
            agent=self._agent,
            recorder=recorder,
            dependencies=dependencies,
            stop=stop,
        )
        self._check = (
            StepCheck(
                run=run,
                node=node,
                agent=self._agent,
                recorder=recorder,
                dependencies=dependencies,
                stop=stop,
            )
            if self._agent.manifest.check is not None
            else None
        )

    async def execute(self, context: Mapping[str, Any]) -> StepOutcome:
        """Bring the step to its end, from wherever an earlier execution left it.

        `context` is what templates may refer to. Raises `SupersededError` when another execution
        has taken over, and what a database that does not answer raises.
        """
        try:
            return await self._go_on(context)
        except _StepFailedError as failed:
            return await self._fail(failed.reason, failed.message)
        except StopRequestedError:
            return await self._stopped()
        except SupersededError:
            raise
        except Exception as error:
            if is_outage(error):
                raise
            logger.exception("step %s of run %s: internal error", self._node.name, self._run.id)
            message = "an internal error ended this step; the hub's log has the details"
            if self._attempts.under_way is not None:
                return await self._attempts.give_up(message)
            if self._check is not None:
                await self._check.give_up(message)
            return await self._fail(FailureReason.SYSTEM_ERROR.value, message)

    async def _go_on(self, context: Mapping[str, Any]) -> StepOutcome:
        tried, under_way = await self._tried()
        verdict: Verdict | None = None
        not_started = 0
        if under_way is not None:
            verdict = await self._attempts.adopt(under_way)
        elif self._found.retry_at is not None:
            await self._sleep((self._found.retry_at - utc_now()).total_seconds())
        while True:
            if verdict is None:
                inputs = await self._permitted_inputs(context)
                tried = replace(tried, number=tried.number + 1)
                attempt_id = self._attempt_id(tried)
                try:
                    verdict = await self._attempts.start(attempt_id, tried.number, inputs)
                except AttemptNotStartedError as error:
                    not_started += 1
                    pause = not_started_delay(not_started)
                    await self._take_back(attempt_id, tried.number, error.message, pause)
                    await self._sleep(pause)
                    tried = replace(tried, number=tried.number - 1)
                    continue
                not_started = 0
            tried = tried.counting(verdict.end)
            delay = self._retry_delay(verdict.end, tried)
            if delay is None:
                return await self._attempts.record_end(
                    self._attempt_id(tried), verdict, failures=tried.failures
                )
            await self._attempts.record_retry(
                self._attempt_id(tried),
                verdict,
                retry_at=utc_now() + timedelta(seconds=delay),
                next_number=tried.number + 1,
            )
            await self._sleep(delay)
            verdict = None

    async def _take_back(self, attempt_id: str, number: int, message: str, delay: float) -> None:
        """Record that the attempt never started, also where that has to wait for room itself.

        Another execution that found it recorded as started would have to take it for lost.
        """
        logger.warning("run %s waits for room on the disk: %s", self._run.id, message)
        while True:
            try:
                await record_not_started(
                    self._recorder,
                    node=self._node.name,
                    number=number,
                    attempt_id=attempt_id,
                    message=message,
                    retry_at=utc_now() + timedelta(seconds=delay),
                )
            except Exception as error:
                if not is_outage(error):
                    raise
                try:
                    await self._sleep(delay)
                except StopRequestedError:
                    raise error from None
            else:
                return

    async def _tried(self) -> tuple["_Tried", Attempt | None]:
        """Return what earlier executions tried, and the attempt that may still be under way."""
        if self._found.attempt_count == 0:
            return _Tried(), None
        async with self._dependencies.database.read() as session:
            attempts = list(
                await session.scalars(
                    select(Attempt)
                    .where(
                        Attempt.run_id == self._run.id,
                        Attempt.node == self._node.name,
                        Attempt.is_check.is_(False),
                    )
                    .order_by(Attempt.number)
                )
            )
        last = attempts[-1]
        under_way = last if last.state == AttemptState.RUNNING.value else None
        lost = sum(1 for attempt in attempts if attempt.reason == FailureReason.LOST.value)
        ended = sum(
            1
            for attempt in attempts
            if attempt is not under_way and attempt.reason != AttemptFailure.INTERRUPTED.value
        )
        return _Tried(number=last.number, failures=ended - lost, lost=lost), under_way

    def _attempt_id(self, tried: "_Tried") -> str:
        return f"{self._run.id}.{self._node.name}.{tried.number}"

    def _retry_delay(self, end: AttemptEnd, tried: "_Tried") -> float | None:
        """Return the seconds until the next attempt, None when this was the last one."""
        if end.state is not AttemptState.FAILED:
            return None
        if self._stop.is_set and self._stop.reason is not StopReason.DRAIN:
            return None
        policy = self._node.retry
        if not may_retry(
            end,
            policy,
            failures=tried.failures,
            lost=tried.lost,
            retry_lost=self._agent.manifest.on_lost is OnLost.RETRY,
        ):
            return None
        if end.reason == FailureReason.LOST.value:
            return lost_delay(tried.lost)
        if end.reason == AttemptFailure.INTERRUPTED.value:
            return 0.0
        return retry_delay(policy, tried.failures, random.random())  # noqa: S311  # jitter

    async def _permitted_inputs(self, context: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the inputs of the next attempt, once people agreed where they have to.

        Asked before every attempt, because an earlier one may have changed what there is to
        agree to; while the effect is the same the first answer holds.
        """
        gate = gate_of(self._node, self._agent)
        if gate is None:
            recorded = self._found.inputs if self._found.attempt_count else None
            return recorded if recorded is not None else self._resolve(context)
        guard = StepGate(
            run=self._run,
            node=self._node.name,
            gate=gate,
            recorder=self._recorder,
            database=self._dependencies.database,
            bus=self._dependencies.events.bus,
            stop=self._stop,
        )
        return await self._pass(guard, self._resolve(context))

    def _resolve(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Render the node's inputs and check them against what the agent takes."""
        try:
            rendered = render_tree(dict(self._node.with_), context)
            inputs = {**rendered, **self._run.overrides.get(self._node.name, {})}
            self._dependencies.agents.check_inputs(self._agent.row, inputs)
        except ProblemError as error:
            raise _StepFailedError(StepFailure.INVALID_INPUT.value, error.detail) from error
        return inputs

    async def _effect(self, inputs: Mapping[str, Any]) -> Effect:
        """Describe what would happen now; an agent that can is held to the commit seen now."""
        target = None
        if self._run.project is not None:
            target = await find_target(self._attempts.project_path, inputs)
        properties = self._agent.manifest.inputs.get("properties", {})
        bound = dict(inputs)
        if target is not None and BASE_INPUT in properties and BASE_INPUT not in inputs:
            bound[BASE_INPUT] = target.commit
        return describe_effect(self._run, self._node.name, self._agent, bound, target)

    async def _pass(self, guard: StepGate, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
        """Wait until people agreed to exactly what would happen now; ask again if it changed."""
        effect = await self._effect(inputs)
        while True:
            try:
                effect, self._approval_id = await self._ask(guard, effect, inputs)
                state = await guard.decision(self._approval_id)
            except StopRequestedError:
                if self._stop.reason is not StopReason.DRAIN and self._approval_id is not None:
                    await guard.withdraw(self._approval_id)
                raise
            if state is ApprovalState.EXPIRED:
                raise _StepFailedError(
                    StepFailure.APPROVAL_EXPIRED.value,
                    f"nobody decided approval {self._approval_id} in time",
                )
            if state is not ApprovalState.APPROVED:
                raise _StepFailedError(
                    StepFailure.REJECTED.value, f"approval {self._approval_id} was {state.value}"
                )
            now = await self._effect(inputs)
            if now.hash == effect.hash:
                return dict(effect.inputs)
            effect = now

    async def _ask(
        self, guard: StepGate, effect: Effect, inputs: Mapping[str, Any]
    ) -> tuple[Effect, str]:
        """Return the approval for the effect, asked for once the agent says that it can be done.

        The effect may be another one by then.
        """
        if self._check is None:
            return effect, await guard.ask(effect, self._approval_id)
        if await guard.standing(effect, self._approval_id):
            if self._found.state == StepState.RUNNING.value:
                # Perhaps the target had moved, and moved back again.
                await self._check.drop_unfinished()
            return effect, await guard.ask(effect, self._approval_id)
        effect, report = await self._check.run(effect, lambda: self._effect(inputs))
        if report.outcome is CheckOutcome.IMPOSSIBLE:
            await guard.close(self._approval_id)
            raise _StepFailedError(
                StepFailure.CHECK_FAILED.value,
                f"checked beforehand, and it cannot be done: {report.message}",
            )
        return effect, await guard.ask(effect, self._approval_id, report)

    async def _sleep(self, seconds: float) -> None:
        if seconds > 0:
            await self._stop.race(asyncio.sleep(seconds))

    async def _fail(self, reason: str, message: str) -> StepOutcome:
        await self._recorder.step_ended_without_attempt(
            node=self._node.name, state=StepState.FAILED, reason=reason, message=message
        )
        return StepOutcome(StepState.FAILED, error=message)

    async def _stopped(self) -> StepOutcome:
        """End a step that had no attempt under way when the stop signal came."""
        if self._stop.reason is StopReason.DRAIN:
            return StepOutcome(None)
        if self._stop.reason is StopReason.DEADLINE:
            return await self._fail(
                StepFailure.RUN_DEADLINE.value, "the run's deadline passed before this step's end"
            )
        await self._recorder.step_ended_without_attempt(
            node=self._node.name,
            state=StepState.CANCELLED,
            reason=FailureReason.CANCELLED.value,
            message="the run was cancelled",
        )
        return StepOutcome(StepState.CANCELLED)
