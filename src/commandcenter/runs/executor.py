"""Which runs this process executes, from taking one over to its end.

The executor keeps no truth: an execution reads the recorded steps at its start and records what
happens, so that a replay after a crash continues where the tables stand.
"""

import asyncio
import logging
from contextlib import suppress

from commandcenter.events.types import EventType
from commandcenter.runs.abandon import abandon_run
from commandcenter.runs.attempt import MOST_GRACE_SECONDS
from commandcenter.runs.dependencies import ExecutionDependencies
from commandcenter.runs.execution import RunExecution
from commandcenter.runs.loaded import LoadedRun, load_run
from commandcenter.runs.outage import is_outage
from commandcenter.runs.recorder import Begun, RunRecorder, SupersededError, begin_execution
from commandcenter.runs.resume import (
    MAX_RESTARTS_IN_A_ROW,
    record_resumed,
    restarts_in_a_row,
    take_stock,
)
from commandcenter.runs.states import RunFailure
from commandcenter.runs.stopping import StopReason, StopSignal

_FIRST_DELAY_SECONDS = 0.2
_LAST_DELAY_SECONDS = 5.0
# Beyond the patience given to attempts: for stopping them and recording what they came to.
STOPPING_SECONDS = MOST_GRACE_SECONDS + 5.0

logger = logging.getLogger(__name__)


class RunExecutor:
    """Executes runs on this process's event loop, any number at once."""

    def __init__(self, dependencies: ExecutionDependencies) -> None:
        self._dependencies = dependencies
        self._active: dict[str, StopSignal] = {}
        self._draining = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def active_runs(self) -> int:
        return len(self._active)

    @property
    def takes_runs(self) -> bool:
        """Whether a further run would be executed; no longer once it is draining."""
        return not self._draining.is_set()

    def is_active(self, run_id: str) -> bool:
        return run_id in self._active

    async def execute(self, run_id: str) -> bool:
        """Bring the run to its end; False when it is left to a later start by a drain.

        Idempotent: an ended run is left alone, and so is one that is executed here already. A
        database that does not answer is waited for; every other surprise ends the run as failed,
        so that none stays running for ever.
        """
        if self._draining.is_set():
            return False
        if run_id in self._active:
            return True
        stop = StopSignal()
        self._active[run_id] = stop
        self._idle.clear()
        try:
            delay = _FIRST_DELAY_SECONDS
            while True:
                try:
                    return await self._execute_once(run_id, stop)
                except Exception as error:
                    if not is_outage(error):
                        raise
                    logger.warning("run %s waits for the database: %s", run_id, error)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._draining.wait(), delay)
                    return False
                delay = min(delay * 2, _LAST_DELAY_SECONDS)
        finally:
            del self._active[run_id]
            if not self._active:
                self._idle.set()

    async def drain(self, seconds: float, *, leaves_running: bool = False) -> int:
        """Start nothing more, give running attempts up to `seconds` to end, then stop them.

        What may not simply be run again is not stopped, and with `leaves_running` nothing is: where
        the runtime keeps it running, the next start adopts it (docs/decisions/0006). Takes up to
        `STOPPING_SECONDS` more; returns how many runs were not let go of by then.
        """
        self._draining.set()
        for signal in self._active.values():
            signal.set(StopReason.DRAIN, patience_seconds=seconds, leaves_running=leaves_running)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), seconds + STOPPING_SECONDS)
        return len(self._active)

    async def _execute_once(self, run_id: str, stop: StopSignal) -> bool:
        own = self._dependencies
        begun = await begin_execution(
            own.database, own.events, run_id=run_id, executor_id=own.executor_id
        )
        if begun is None:
            return True
        recorder = RunRecorder(
            own.database,
            own.events,
            run_id=run_id,
            project_id=begun.project_id,
            epoch=begun.epoch,
        )
        try:
            return await self._go_on(run_id, begun, recorder, stop)
        except SupersededError:
            logger.warning("run %s was taken over by another execution", run_id)
            return True
        except Exception as error:
            if is_outage(error):
                raise
            logger.exception("run %s ended by an internal error", run_id)
            await self._abandon(
                recorder,
                RunFailure.SYSTEM_ERROR,
                "an internal error ended this run; the hub's log has the details",
            )
            return True

    async def _go_on(
        self, run_id: str, begun: Begun, recorder: RunRecorder, stop: StopSignal
    ) -> bool:
        own = self._dependencies
        if begun.is_restart:
            restarts = await restarts_in_a_row(own.database, run_id)
            if restarts >= MAX_RESTARTS_IN_A_ROW:
                message = (
                    f"given up after {restarts} restarts in a row without any progress; "
                    "the hub's log may tell what ends it each time"
                )
                logger.error("run %s %s", run_id, message)
                await self._abandon(recorder, RunFailure.RESTART_LIMIT, message)
                return True
        # From before the run is read: no request to cancel can fall in between.
        with own.events.bus.run_signal(run_id, EventType.RUN_CANCEL_REQUESTED) as cancel_asked:
            run = await load_run(own.database, own.workflows, own.agents, run_id)
            if begun.is_restart:
                await self._resume(run, begun, recorder)
            return await RunExecution(run, recorder, own, stop, cancel_asked).drive()

    async def _resume(self, run: LoadedRun, begun: Begun, recorder: RunRecorder) -> None:
        own = self._dependencies
        stock = await take_stock(own.database, own.runtimes, run)
        await record_resumed(recorder, begun.epoch, own.executor_id, stock)
        logger.info(
            "run %s resumed: %d attempts adopted, %d run again, %d lost, %d steps waiting",
            run.id,
            len(stock.adopted),
            len(stock.run_again),
            len(stock.lost),
            len(stock.waiting),
        )

    async def _abandon(self, recorder: RunRecorder, reason: RunFailure, message: str) -> None:
        with suppress(SupersededError):
            await abandon_run(
                self._dependencies.database,
                recorder,
                self._dependencies.runtimes,
                reason=reason,
                message=message,
            )
