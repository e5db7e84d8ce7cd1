"""One attempt on a runtime: started once, adopted after a restart, recorded when it ended."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from commandcenter.agents.manifest import OnLost
from commandcenter.engine.definition import NodeDefinition
from commandcenter.engine.states import StepState
from commandcenter.kit.clock import utc_now
from commandcenter.kit.database import Transaction, within
from commandcenter.kit.disk import disk_full
from commandcenter.kit.errors import ProblemError
from commandcenter.models import Attempt
from commandcenter.notifications.messages import notices
from commandcenter.runs.attempt_spec import SpecSources, build_spec
from commandcenter.runs.dependencies import ExecutionDependencies
from commandcenter.runs.gate import gate_of
from commandcenter.runs.judge import Verdict, judge
from commandcenter.runs.loaded import LoadedRun, PinnedAgent
from commandcenter.runs.not_started import AttemptNotStartedError
from commandcenter.runs.outcome import StepOutcome
from commandcenter.runs.recorder import AttemptEnd, RunRecorder, SupersededError
from commandcenter.runs.states import AttemptFailure, AttemptState, StepFailure
from commandcenter.runs.stopping import StopReason, StopRequestedError, StopSignal
from commandcenter.runtimes.base import Handle
from commandcenter.runtimes.errors import RuntimeRefusedError
from commandcenter.runtimes.results import AttemptResult, FailureReason

# Beyond the attempt's own time-out and grace: a runtime that does not answer by then is broken.
_RUNTIME_MARGIN_SECONDS = 30.0
_DEADLINE_MARGIN_SECONDS = 2.0
# Between SIGTERM and SIGKILL where the hub itself is going down.
MOST_GRACE_SECONDS = 5.0

logger = logging.getLogger(__name__)


class AttemptRunner:
    """Starts, adopts and records the attempts of one step."""

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
        self._node = node
        self._agent = agent
        self._recorder = recorder
        self._dependencies = dependencies
        self._stop = stop
        self._runtime = dependencies.runtimes[run.runtime]
        self._secrets: Mapping[str, str] = {}
        self._under_way: str | None = None

    @property
    def project_path(self) -> Path:
        if self._run.project is None:
            raise LookupError("this run has no project")
        return Path(self._run.project.path)

    @property
    def under_way(self) -> str | None:
        """The id of the attempt whose end is not recorded yet."""
        return self._under_way

    async def start(self, attempt_id: str, number: int, inputs: Mapping[str, Any]) -> Verdict:
        """Record the attempt, start it and wait for its end.

        Raises `AttemptNotStartedError` when the disk has no room for it.
        """

        async def record() -> None:
            await self._recorder.attempt_started(
                node=self._node.name,
                number=number,
                attempt_id=attempt_id,
                agent_id=self._agent.row.id,
                runtime=self._run.runtime,
                inputs=inputs,
            )

        return await self.start_recorded(attempt_id, inputs, record)

    async def start_recorded(
        self, attempt_id: str, inputs: Mapping[str, Any], record: Callable[[], Awaitable[None]]
    ) -> Verdict:
        """Once there is a place, let `record` record the start; then start and wait."""
        async with self._slot():
            self._under_way = attempt_id
            await record()
            return await self._start_and_wait(attempt_id, inputs)

    async def adopt(self, attempt: Attempt) -> Verdict:
        """Wait for an attempt that an earlier execution started; `lost` if nobody knows of it.

        It runs already, so it waits for no free place.
        """
        self._under_way = attempt.id
        handle = Handle(runtime=attempt.runtime, attempt_id=attempt.id)
        try:
            await self._load_secrets()
            known = await self._runtime.recover(handle)
        except ProblemError as error:
            return _failed(FailureReason.SYSTEM_ERROR.value, _words(error))
        if not known:
            return _failed(
                FailureReason.LOST.value,
                "the process that ran this attempt is gone, and its result with it",
            )
        return await self._wait(handle, self._timeout())

    async def record_retry(
        self, attempt_id: str, verdict: Verdict, *, retry_at: datetime, next_number: int
    ) -> None:
        """Record the attempt's end and that another one follows."""
        await self._recorder.step_retrying(
            node=self._node.name,
            attempt_id=attempt_id,
            end=verdict.end,
            retry_at=retry_at,
            next_number=next_number,
        )
        await self.forget(attempt_id)

    async def record_end(self, attempt_id: str, verdict: Verdict, *, failures: int) -> StepOutcome:
        """Record the last attempt and the step's end in one transaction, with what it produced."""
        end = verdict.end
        state = _STEP_STATES[end.state]
        reason, message = end.reason, end.message
        if end.state is AttemptState.CANCELLED and self._stop.reason is StopReason.DEADLINE:
            state, reason = StepState.FAILED, StepFailure.RUN_DEADLINE.value
            message = "the run's deadline passed before this step's end"
        if failures > 1 and end.state is AttemptState.FAILED:
            message = f"{message} (attempt {failures} of {failures})"
        directory = end.result.artifacts_directory if end.result else None
        own = self._dependencies
        files = await own.artifacts.store(directory) if directory else []

        def end_attempt(transaction: Transaction) -> None:
            self._recorder.attempt_finished(
                transaction, attempt_id=attempt_id, node=self._node.name, end=end
            )

        def end_step(transaction: Transaction) -> None:
            self._recorder.step_finished(
                transaction,
                node=self._node.name,
                state=state,
                reason=reason,
                message=message,
                outputs=verdict.outputs,
            )

        def end_both(transaction: Transaction) -> None:
            end_attempt(transaction)
            end_step(transaction)

        outputs = verdict.outputs or {}
        notifies = state is StepState.SUCCEEDED and bool(notices(outputs))
        if not files and not notifies:
            await self._recorder.transact(end_both)
        else:
            async with self._recorder.transaction() as session:
                await within(session, end_attempt)
                await own.artifacts.record(
                    session,
                    run_id=self._run.id,
                    node=self._node.name,
                    attempt_id=attempt_id,
                    files=files,
                )
                if notifies:
                    await own.notifications.deliver(
                        session, run_id=self._run.id, node=self._node.name, outputs=outputs
                    )
                await within(session, end_step)
        await self.forget(attempt_id)
        error = message if state is StepState.FAILED else None
        return StepOutcome(state, verdict.outputs, error)

    async def give_up(self, message: str) -> StepOutcome:
        """Stop the attempt under way and record its step as failed by us, not by the agent."""
        if self._under_way is None:
            raise LookupError("no attempt is under way")
        await self._end_for_good(self._handle(self._under_way))
        verdict = _failed(FailureReason.SYSTEM_ERROR.value, message)
        return await self.record_end(self._under_way, verdict, failures=1)

    async def discard(self, attempt_id: str) -> None:
        """Stop an attempt whose result is of no use, and let the runtime forget it."""
        self._under_way = None
        await self._end_for_good(self._handle(attempt_id))

    async def forget(self, attempt_id: str) -> None:
        """Let the runtime forget an attempt whose end is recorded."""
        self._under_way = None
        try:
            async with asyncio.timeout(_RUNTIME_MARGIN_SECONDS):
                await self._runtime.remove(self._handle(attempt_id))
        except (ProblemError, TimeoutError) as error:
            # Its end is recorded: what is left over costs disk, and must not cost the run.
            logger.warning("attempt %s could not be removed: %s", attempt_id, error)

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        slots = self._dependencies.slots
        if slots.locked():
            await self._stop.race(slots.acquire())
        elif self._stop.is_set:
            raise StopRequestedError
        else:
            await slots.acquire()  # at once
        try:
            yield
        finally:
            slots.release()

    def _timeout(self) -> float:
        own = self._node.timeout_seconds or self._agent.manifest.timeout_seconds
        left = (self._run.deadline_at - utc_now()).total_seconds()
        # The run's deadline is kept by its execution; the runtime is there if that is gone.
        return max(0.001, min(own, left + _DEADLINE_MARGIN_SECONDS))

    async def _load_secrets(self) -> None:
        wanted = [secret.name for secret in self._agent.manifest.secrets]
        if wanted:
            self._secrets = await self._dependencies.secrets.resolve(self._agent.name, wanted)

    async def _start_and_wait(self, attempt_id: str, inputs: Mapping[str, Any]) -> Verdict:
        timeout = self._timeout()
        try:
            await self._load_secrets()
            directory = await self._dependencies.agents.verified_directory(self._agent.row)
            environment = await self._dependencies.environments.ensure_environment(
                self._agent.manifest, directory, self._runtime
            )
            project = self._run.project
            spec = build_spec(
                attempt_id=attempt_id,
                manifest=self._agent.manifest,
                inputs=inputs,
                timeout_seconds=timeout,
                sources=SpecSources(
                    agent_directory=directory,
                    python_path=(
                        *self._dependencies.python_path,
                        *([environment] if environment is not None else []),
                    ),
                    # Checked again at each attempt: the folder may have become a link meanwhile.
                    project_path=(
                        await self._dependencies.projects.folder(project) if project else None
                    ),
                    secrets=self._secrets,
                ),
            )
            await self._refuse_if_superseded()
            handle = await self._runtime.start(spec)
        except RuntimeRefusedError as error:
            return _failed(StepFailure.REFUSED.value, _words(error))
        except (ProblemError, OSError) as error:
            full = disk_full(error)
            if full is not None:
                self._under_way = None
                raise AttemptNotStartedError(f"Not started: {_words(full)}") from error
            if not isinstance(error, ProblemError):
                raise
            return _failed(FailureReason.SYSTEM_ERROR.value, _words(error))
        try:
            await self._refuse_if_superseded()
        except SupersededError:
            await self._end_for_good(handle)
            raise
        return await self._wait(handle, timeout)

    async def _refuse_if_superseded(self) -> None:
        """Where others may take a run over: a process that was paused must not start its attempt.

        Asked right before the start and right after it, because the pause may fall in between.
        """
        if self._dependencies.is_shared and not await self._recorder.is_current():
            raise SupersededError(self._run.id)

    async def _wait(self, handle: Handle, timeout: float) -> Verdict:
        grace = self._agent.manifest.grace_seconds
        limit = timeout + grace + _RUNTIME_MARGIN_SECONDS
        try:
            result = await self._stop.race(self._runtime.wait(handle), timeout_seconds=limit)
        except StopRequestedError:
            result = await self._stop_attempt(handle, grace)
            if self._stop.reason is StopReason.DRAIN and result.reason is FailureReason.CANCELLED:
                return _failed(
                    AttemptFailure.INTERRUPTED.value,
                    "The hub was stopped while this attempt ran; another one follows.",
                    result,
                )
        except TimeoutError:
            await self._end_for_good(handle)
            return _failed(
                FailureReason.SYSTEM_ERROR.value,
                "the runtime did not report the end of this attempt in time",
            )
        except ProblemError as error:
            return _failed(FailureReason.SYSTEM_ERROR.value, _words(error))
        return judge(
            result,
            check_outputs=lambda outputs: self._dependencies.agents.check_outputs(
                self._agent.row, outputs
            ),
            secrets=list(self._secrets.values()),
        )

    async def _stop_attempt(self, handle: Handle, grace: float) -> AttemptResult:
        """Stop it, unless the hub is going down and it is better left to the next start."""
        with suppress(TimeoutError):
            return await asyncio.wait_for(self._runtime.wait(handle), self._stop.patience_seconds)
        if self._stop.reason is StopReason.DRAIN:
            if self._stop.leaves_running or not self._may_be_repeated():
                raise StopRequestedError
            grace = min(grace, MOST_GRACE_SECONDS)
        async with asyncio.timeout(grace + _RUNTIME_MARGIN_SECONDS):
            await self._runtime.stop(handle, grace_seconds=grace)
            return await self._runtime.wait(handle)

    def _may_be_repeated(self) -> bool:
        """Whether another attempt does no harm and needs nobody's agreement again."""
        retried = self._agent.manifest.on_lost is OnLost.RETRY
        return retried and gate_of(self._node, self._agent) is None

    async def _end_for_good(self, handle: Handle) -> None:
        try:
            async with asyncio.timeout(_RUNTIME_MARGIN_SECONDS):
                await self._runtime.stop(handle, grace_seconds=0.0)
                await self._runtime.remove(handle)
        except (ProblemError, TimeoutError) as error:
            logger.warning("attempt %s could not be stopped: %s", handle.attempt_id, error)

    def _handle(self, attempt_id: str) -> Handle:
        return Handle(runtime=self._run.runtime, attempt_id=attempt_id)


_STEP_STATES = {
    AttemptState.SUCCEEDED: StepState.SUCCEEDED,
    AttemptState.FAILED: StepState.FAILED,
    AttemptState.CANCELLED: StepState.CANCELLED,
}


def _words(error: ProblemError) -> str:
    return f"{error.detail} {error.hint}" if error.hint else error.detail


def _failed(reason: str, message: str, result: AttemptResult | None = None) -> Verdict:
    return Verdict(
        AttemptEnd(state=AttemptState.FAILED, reason=reason, message=message, result=result), None
    )
