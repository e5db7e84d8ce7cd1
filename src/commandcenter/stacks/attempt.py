"""One attempt of a service: started or found again, asked for its health, watched to its end."""

import asyncio
import logging
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from commandcenter.kit.errors import ProblemError
from commandcenter.runtimes.base import Handle, Runtime
from commandcenter.stacks import exits
from commandcenter.stacks.member import Exit
from commandcenter.stacks.prepared import Prepared
from commandcenter.stacks.probe import Answer, ask

logger = logging.getLogger(__name__)

_AGAIN_SECONDS = 0.5
_KEPT_LOGS = 10
_LOST = Exit(
    succeeded=False,
    is_passing=True,
    words="Its process is gone: the machine or the runner was restarted.",
)


class AttemptFacts(Protocol):
    """Who is told. Facts about an attempt that is no longer the present one are for nobody."""

    def started(self, service: str, number: int, handle: Handle, prepared: Prepared) -> None: ...

    def probed(
        self, service: str, number: int, answer: Answer, *, counts: bool, retries: int
    ) -> None: ...

    def ended(self, service: str, number: int, exit_: Exit) -> None: ...

    def is_healthy(self, service: str) -> bool: ...

    async def until_going(self) -> int:
        """Return once the stack does not stand still; how often it has by now."""
        ...


class Attempt:
    """Tells its facts in this order: started (or not), any number of probes, ended, once."""

    def __init__(
        self,
        service: str,
        number: int,
        *,
        facts: AttemptFacts,
        runtime: Runtime,
        prepare: Callable[[str, int], Prepared],
        clock: Callable[[], float],
    ) -> None:
        self.service = service
        self.number = number
        self.handle: Handle | None = None
        self.tasks: list[asyncio.Task[None]] = []
        self._facts = facts
        self._runtime = runtime
        self._prepare = prepare
        self._clock = clock
        self._grace_seconds = 10.0
        self._stop_asked = asyncio.Event()

    def begin(self, handle: Handle | None) -> None:
        """Start it, or with a handle find it again."""
        self.tasks.append(asyncio.create_task(self._run(handle)))

    def stop(self) -> None:
        """Have it ended; idempotent, returns at once."""
        self._stop_asked.set()

    async def _run(self, handle: Handle | None) -> None:
        try:
            exit_ = await self._live(handle)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            if not isinstance(error, ProblemError):
                logger.exception("an attempt of the service %s failed", self.service)
            exit_ = exits.of_start(error)
            known = self.handle or handle
            if known is not None:
                # What can no longer be watched must not go on beside its successor.
                with suppress(ProblemError, OSError):
                    await self._runtime.stop(known, grace_seconds=self._grace_seconds)
        self._facts.ended(self.service, self.number, exit_)

    async def _live(self, handle: Handle | None) -> Exit:
        prepared = await asyncio.to_thread(self._prepare, self.service, self.number)
        self._grace_seconds = prepared.spec.grace_seconds
        if handle is None:
            handle = await self._runtime.start(prepared.spec)
        elif not await self._runtime.recover(handle):
            return _LOST
        self.handle = handle
        self._facts.started(self.service, self.number, handle, prepared)
        helpers = [asyncio.create_task(self._stop_when_asked(handle))]
        if prepared.check is not None:
            helpers.append(asyncio.create_task(self._probe(handle, prepared)))
        self.tasks += helpers
        try:
            result = await self._runtime.wait(handle)
        finally:
            for task in helpers:
                task.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
        exit_ = await exits.of_result(result, handle)
        with suppress(ProblemError, OSError):
            await self._runtime.remove(handle)
            await asyncio.to_thread(_drop_old_log, handle, self.number)
        return exit_

    async def _stop_when_asked(self, handle: Handle) -> None:
        await self._stop_asked.wait()
        while True:
            try:
                await self._runtime.stop(handle, grace_seconds=self._grace_seconds)
            except (ProblemError, OSError) as error:
                logger.warning("stopping the service %s is tried again: %s", self.service, error)
                await asyncio.sleep(_AGAIN_SECONDS)
            else:
                return

    async def _probe(self, handle: Handle, prepared: Prepared) -> None:
        check, times = prepared.check, prepared.times
        if check is None:
            return
        begun = self._clock()
        while True:
            stands = await self._facts.until_going()
            answer = await ask(self._runtime, handle, check, times.timeout)
            if await self._facts.until_going() != stands:
                continue  # it stood still meanwhile, and the answer says nothing
            starting = self._clock() - begun < times.start_period
            settled = answer.healthy or self._facts.is_healthy(self.service)
            self._facts.probed(
                self.service,
                self.number,
                answer,
                counts=settled or not starting,
                retries=times.retries,
            )
            await asyncio.sleep(
                times.start_interval if starting and not settled else times.interval
            )


def _drop_old_log(handle: Handle, number: int) -> None:
    """Keep the logs of the last attempts only: a service may be restarted for ever."""
    told = handle.data.get("log_directory")
    if not isinstance(told, str) or number <= _KEPT_LOGS:
        return
    directory = Path(told)
    stem = directory.name.rpartition(".")[0]
    shutil.rmtree(directory.with_name(f"{stem}.{number - _KEPT_LOGS}"), ignore_errors=True)
