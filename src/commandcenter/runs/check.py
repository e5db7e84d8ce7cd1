"""Trying out, before anybody is asked, whether a step's effect could happen at all.

The agent runs as its manifest says under `check`: the step's own inputs with a few laid over them,
the workspace read-only, no network, no secrets. It is an attempt like any other (recorded, adopted
after a restart, stopped with its run), but not one of the step's: what it answers decides only
whether people are asked, and what they are told.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from commandcenter.approvals.check import CheckOutcome, CheckReport
from commandcenter.engine.definition import NodeDefinition
from commandcenter.kit.errors import ProblemError
from commandcenter.models import Attempt
from commandcenter.runs.attempt import AttemptRunner
from commandcenter.runs.check_recorder import (
    check_finished,
    check_started,
    checks_so_far,
    waits_again,
)
from commandcenter.runs.check_verdict import check_again_after, report_of
from commandcenter.runs.dependencies import ExecutionDependencies
from commandcenter.runs.gate import Effect
from commandcenter.runs.judge import Verdict
from commandcenter.runs.loaded import LoadedRun, PinnedAgent
from commandcenter.runs.not_started import AttemptNotStartedError
from commandcenter.runs.outage import is_outage
from commandcenter.runs.recorder import AttemptEnd, RunRecorder, SupersededError
from commandcenter.runs.states import AttemptState
from commandcenter.runs.stopping import StopReason, StopRequestedError, StopSignal
from commandcenter.runtimes.results import FailureReason

# A target that moves again and again is asked about as it is: the agent looks once more anyway.
_MAX_MOVES = 3

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Tried:
    """Checks of one effect that came to nothing."""

    failures: int = 0
    lost: int = 0

    def counting(self, reason: str | None) -> "_Tried":
        if reason == FailureReason.LOST.value:
            return replace(self, lost=self.lost + 1)
        return replace(self, failures=self.failures + 1)


class StepCheck:
    """The checks of one step, for an agent whose manifest has a `check`."""

    def __init__(
        self,
        *,
        run: LoadedRun,
        node: NodeDefinition,
        agent: PinnedAgent,
        recorder: RunRecorder,
        dependencies: ExecutionDependencies,
        stop: StopSignal,
    ) -> None:
        self._run = run
        self._node = node.name
        self._agent = agent
        self._recorder = recorder
        self._dependencies = dependencies
        self._stop = stop
        self._attempts = AttemptRunner(
            run=run,
            node=replace(node, timeout_seconds=None),  # the check has a time limit of its own
            agent=PinnedAgent(agent.row, agent.manifest.for_check()),
            recorder=recorder,
            dependencies=dependencies,
            stop=stop,
        )

    async def run(
        self, effect: Effect, look: Callable[[], Awaitable[Effect]]
    ) -> tuple[Effect, CheckReport]:
        """Return what the check says, and the effect that it says it about.

        That is another one than asked for when the target moved meanwhile (`look` tells) and the
        check failed for it. Raises `StopRequestedError`, with the check stopped unless it is left
        to the next start, and `SupersededError`.
        """
        for _ in range(_MAX_MOVES):
            report = await self._settle(effect)
            if report.outcome is CheckOutcome.POSSIBLE:
                return effect, report
            now = await look()
            if now.hash == effect.hash:
                return effect, report
            effect = now
        words = "the target moved again and again while it was checked"
        return effect, CheckReport.of(CheckOutcome.UNKNOWN, words)

    async def drop_unfinished(self) -> None:
        """End the check that an earlier execution left where the question still stands by now."""
        for check in await checks_so_far(self._dependencies.database, self._run.id, self._node):
            if check.state == AttemptState.RUNNING.value:
                await self._drop(check)
                await waits_again(self._recorder, self._node)

    async def give_up(self, message: str) -> None:
        """Stop the check under way, if there is one, and record that we failed, not the agent."""
        attempt_id = self._attempts.under_way
        if attempt_id is not None:
            await self._attempts.discard(attempt_id)
            await self._record(attempt_id, _broken(message), None)

    async def _settle(self, effect: Effect) -> CheckReport:
        """Check until there is an answer, or no use in trying again."""
        check = self._agent.manifest.check
        inputs = {**effect.inputs, **(check.inputs if check is not None else {})}
        try:
            self._dependencies.agents.check_inputs(self._agent.row, inputs)
        except ProblemError as error:
            words = f"the inputs for a check do not fit the agent: {error.detail}"
            return CheckReport.of(CheckOutcome.UNKNOWN, words)
        checks = await checks_so_far(self._dependencies.database, self._run.id, self._node)
        under_way = next((one for one in checks if one.state == AttemptState.RUNNING.value), None)
        if under_way is not None and under_way.effect_hash != effect.hash:
            await self._drop(under_way)
            under_way = None
        tried = _count(checks, effect)
        number = checks[-1].number if checks else 0
        while True:
            if under_way is not None:
                attempt_id, work = under_way.id, self._attempts.adopt(under_way)
                under_way = None
            else:
                number += 1
                attempt_id = f"{self._run.id}.{self._node}.check-{number}"
                work = self._start(attempt_id, number, effect, inputs)
            verdict = await self._verdict(attempt_id, work)
            report = report_of(verdict)
            await self._record(attempt_id, verdict.end, report)
            await self._attempts.forget(attempt_id)
            if self._stop.is_set and self._stop.reason is not StopReason.DRAIN:
                raise StopRequestedError
            if report.outcome is not CheckOutcome.UNKNOWN:
                return report
            tried = tried.counting(verdict.end.reason)
            delay = check_again_after(verdict.end.reason, failures=tried.failures, lost=tried.lost)
            if delay is None:
                return report
            await self._stop.race(asyncio.sleep(delay))

    async def _verdict(self, attempt_id: str, work: Coroutine[Any, Any, Verdict]) -> Verdict:
        """Return what `work` comes to; a mistake of ours is no reason not to ask people."""
        try:
            return await work
        except (StopRequestedError, SupersededError):
            raise
        except AttemptNotStartedError as error:  # no room on the disk: not known, tried again
            return Verdict(_broken(error.message), None)
        except Exception as error:
            if is_outage(error):
                raise
            logger.exception("check %s: internal error", attempt_id)
            await self._attempts.discard(attempt_id)
            return Verdict(_broken("an internal error ended this check; the hub's log tells"), None)

    async def _start(
        self, attempt_id: str, number: int, effect: Effect, inputs: Mapping[str, Any]
    ) -> Verdict:
        async def record() -> None:
            await check_started(
                self._recorder,
                node=self._node,
                number=number,
                attempt_id=attempt_id,
                agent_id=self._agent.row.id,
                runtime=self._run.runtime,
                effect=effect,
            )

        return await self._attempts.start_recorded(attempt_id, inputs, record)

    async def _drop(self, check: Attempt) -> None:
        await self._attempts.discard(check.id)
        words = "what it was about had changed by the time the run went on"
        end = AttemptEnd(AttemptState.CANCELLED, FailureReason.CANCELLED.value, words, None)
        await self._record(check.id, end, None)

    async def _record(self, attempt_id: str, end: AttemptEnd, report: CheckReport | None) -> None:
        await check_finished(
            self._recorder, node=self._node, attempt_id=attempt_id, end=end, report=report
        )


def _broken(message: str) -> AttemptEnd:
    return AttemptEnd(AttemptState.FAILED, FailureReason.SYSTEM_ERROR.value, message, None)


def _count(checks: Sequence[Attempt], effect: Effect) -> _Tried:
    """Count over restarts, so that a check which takes the hub down with it does not go on."""
    tried = _Tried()
    for check in checks:
        if check.effect_hash == effect.hash and check.state == AttemptState.FAILED.value:
            tried = tried.counting(check.reason)
    return tried
