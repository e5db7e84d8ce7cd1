"""Executing one step: its inputs, its gate, its attempts, and what comes of them."""

import asyncio
import random
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from commandcenter.agents.manifest import OnLost
from commandcenter.approvals.states import ApprovalState
from commandcenter.engine.definition import NodeDefinition
from commandcenter.engine.scheduling import retry_delay
from commandcenter.engine.states import StepState
from commandcenter.engine.templates import render_tree
from commandcenter.kit.clock import utc_now
from commandcenter.kit.errors import ProblemError
from commandcenter.models import Attempt
from commandcenter.runs.attempt import AttemptRunner
from commandcenter.runs.dependencies import ExecutionDependencies
from commandcenter.runs.gate import Effect, StepGate, describe_effect, gate_of
from commandcenter.runs.judge import Verdict, may_retry
from commandcenter.runs.loaded import LoadedRun
from commandcenter.runs.outcome import StepOutcome
from commandcenter.runs.recorder import RunRecorder
from commandcenter.runs.states import AttemptState, StepFailure
from commandcenter.runs.stopping import StopReason, StopRequestedError, StopSignal
from commandcenter.runs.target import BASE_INPUT, find_target
from commandcenter.runtimes.base import FailureReason


class _StepFailedError(Exception):
    """The step ends here without another attempt."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


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
        self._attempts = AttemptRunner(
            run=run,
            node=node,
            agent=self._agent,
            recorder=recorder,
            dependencies=dependencies,
            stop=stop,
        )

    async def execute(self, context: Mapping[str, Any]) -> StepOutcome:
        """Bring the step to its end, from wherever an earlier execution left it.

        `context` is what templates may refer to. Raises `SupersededError` when another execution
        has taken over.
        """
        approval_id = self._found.approval_id
        try:
            if self._found.state == StepState.RUNNING.value:
                return await self._resume(dict(self._found.inputs or {}))
            inputs = self._resolve(context)
            gate = gate_of(self._node, self._agent)
            if gate is not None:
                guard = StepGate(
                    run=self._run,
                    node=self._node.name,
                    gate=gate,
                    recorder=self._recorder,
                    database=self._dependencies.database,
                    bus=self._dependencies.events.bus,
                    stop=self._stop,
                )
                inputs, approval_id = await self._pass(guard, inputs, approval_id)
            return await self._attempt(inputs, number=0, failures=0, lost=0)
        except _StepFailedError as failed:
            return await self._fail(failed.reason, failed.message)
        except StopRequestedError:
            return await self._stopped()

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

    async def _pass(
        self, guard: StepGate, inputs: dict[str, Any], approval_id: str | None
    ) -> tuple[dict[str, Any], str]:
        """Wait until people agreed to exactly what would happen now; ask again if it changed."""
        effect = await self._effect(inputs)
        while True:
            approval_id = await guard.ask(effect, approval_id)
            try:
                state = await guard.decision(approval_id)
            except StopRequestedError:
                if self._stop.reason is not StopReason.DRAIN:
                    await guard.withdraw(approval_id)
                raise
            if state is ApprovalState.EXPIRED:
                raise _StepFailedError(
                    StepFailure.APPROVAL_EXPIRED.value,
                    f"nobody decided approval {approval_id} in time",
                )
            if state is not ApprovalState.APPROVED:
                raise _StepFailedError(
                    StepFailure.REJECTED.value, f"approval {approval_id} was {state.value}"
                )
            now = await self._effect(inputs)
            if now.hash == effect.hash:
                return dict(effect.inputs), approval_id
            effect = now

    async def _resume(self, inputs: dict[str, Any]) -> StepOutcome:
        """Go on after an earlier execution: adopt its attempt, or start the next one."""
        async with self._dependencies.database.read() as session:
            attempts = list(
                await session.scalars(
                    select(Attempt)
                    .where(Attempt.run_id == self._run.id, Attempt.node == self._node.name)
                    .order_by(Attempt.number)
                )
            )
        lost = sum(1 for attempt in attempts if attempt.reason == FailureReason.LOST.value)
        ended = [attempt for attempt in attempts if attempt.state != AttemptState.RUNNING.value]
        last = attempts[-1]
        if last.state == AttemptState.RUNNING.value:
            verdict = await self._attempts.adopt(last)
            return await self._follow_up(
                verdict,
                inputs,
                attempt_id=last.id,
                number=last.number,
                failures=len(ended) - lost,
                lost=lost,
            )
        if self._found.retry_at is not None:
            await self._sleep((self._found.retry_at - utc_now()).total_seconds())
        return await self._attempt(
            inputs, number=last.number, failures=len(ended) - lost, lost=lost
        )

    async def _attempt(
        self, inputs: dict[str, Any], *, number: int, failures: int, lost: int
    ) -> StepOutcome:
        """Start attempt `number + 1`; the counts are of the attempts before it."""
        number += 1
        attempt_id = f"{self._run.id}.{self._node.name}.{number}"
        verdict = await self._attempts.start(attempt_id, number, inputs)
        return await self._follow_up(
            verdict,
            inputs,
            attempt_id=attempt_id,
            number=number,
            failures=failures,
            lost=lost,
        )

    async def _follow_up(
        self,
        verdict: Verdict,
        inputs: dict[str, Any],
        *,
        attempt_id: str,
        number: int,
        failures: int,
        lost: int,
    ) -> StepOutcome:
        end = verdict.end
        was_lost = end.reason == FailureReason.LOST.value
        lost += was_lost
        failures += not was_lost
        if end.state is AttemptState.FAILED and not self._stop.is_set:
            policy = self._node.retry
            if may_retry(
                end,
                policy,
                failures=failures,
                lost=lost,
                retry_lost=self._agent.manifest.on_lost is OnLost.RETRY,
            ):
                delay = 0.0 if was_lost else retry_delay(policy, failures, random.random()) or 0.0  # noqa: S311  # jitter
                await self._recorder.step_retrying(
                    node=self._node.name,
                    attempt_id=attempt_id,
                    end=end,
                    retry_at=utc_now() + timedelta(seconds=delay),
                    next_number=number + 1,
                )
                await self._attempts.clean_up(attempt_id)
                await self._sleep(delay)
                return await self._attempt(inputs, number=number, failures=failures, lost=lost)
        return await self._attempts.record_end(attempt_id, verdict, failures=failures)

    async def _sleep(self, seconds: float) -> None:
        if seconds > 0:
            await self._stop.race(asyncio.sleep(seconds))

    async def _fail(self, reason: str, message: str) -> StepOutcome:
        await self._recorder.step_ended_without_attempt(
            node=self._node.name, state=StepState.FAILED, reason=reason, message=message
        )
        return StepOutcome(StepState.FAILED)

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
