"""One attempt of a service: started or found again, asked for its health, watched to its end."""

import asyncio
import logging
import math
import shutil
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from commandcenter.kit.errors import ProblemError
from commandcenter.runtimes.base import Handle, Runtime
from commandcenter.runtimes.errors import RuntimeAwayError
from commandcenter.stacks import exits
from commandcenter.stacks.errors import LimitNotAppliedError
from commandcenter.stacks.limits import refuse_unapplied
from commandcenter.stacks.member import Exit
from commandcenter.stacks.prepared import Prepared
from commandcenter.stacks.probe import Answer, ask
from commandcenter.stacks.resources import ServiceLimits
from commandcenter.stacks.volumes import note_made, trouble

logger = logging.getLogger(__name__)

_AGAIN_SECONDS = 0.5
_ENDING_SECONDS = 2.0
_AWAY_SECONDS = 60.0  # how long one try to start waits for a runtime that does not answer
_KEPT_LOGS = 10
_LOST = Exit(
    succeeded=False,
    is_passing=True,
    words="Its process is gone: the machine or the runner was restarted.",
    cause="lost",
)
_SETTLED_SECONDS = 1.0  # a program that cannot run ends sooner
_NOT_STARTED = Exit(succeeded=False, is_passing=True, words="It was stopped before it was started.")
T = TypeVar("T")


class Prepare(Protocol):
    """`runs`: it was started before, and is only to be watched. `tell` hears how it goes."""

    def __call__(
        self,
        name: str,
        number: int,
        *,
        limits: ServiceLimits,
        runs: bool,
        tell: Callable[[str], None],
    ) -> Coroutine[Any, Any, Prepared]: ...


class AttemptFacts(Protocol):
    """Who is told. Facts about an attempt that is no longer the present one are for nobody."""

    def told(self, service: str, number: int, words: str) -> None:
        """What is done before its process runs."""

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
        limits: ServiceLimits,
        *,
        facts: AttemptFacts,
        runtime: Runtime,
        prepare: Prepare,
        clock: Callable[[], float],
    ) -> None:
        self.service = service
        self.number = number
        self._limits = limits
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
                    await self._runtime.remove(known)
        self._facts.ended(self.service, self.number, exit_)

    async def _live(self, handle: Handle | None) -> Exit:
        prepared = await self._prepared(handle)
        if prepared is None:
            return _NOT_STARTED
        self._grace_seconds = prepared.spec.grace_seconds
        if handle is None:
            spec = prepared.spec
            handle = await self._answered(lambda: self._runtime.start(spec), _AWAY_SECONDS)
            self.handle = begun = handle
            await self._check_limits(begun, prepared)
            if prepared.volumes is not None:
                await asyncio.to_thread(note_made, prepared.spec, prepared.volumes)
        else:
            known = handle
            if not await self._answered(lambda: self._runtime.recover(known)):
                return _LOST
        self.handle = handle
        self._facts.started(self.service, self.number, handle, prepared)
        helpers = [asyncio.create_task(self._stop_when_asked(handle))]
        looking = self._settle() if prepared.check is None else self._probe(handle, prepared)
        helpers.append(asyncio.create_task(looking))
        self.tasks += helpers
        try:
            runs = handle
            result = await self._answered(lambda: self._runtime.wait(runs))
        finally:
            for task in helpers:
                task.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
        exit_ = await exits.of_result(
            result,
            handle,
            in_image=prepared.image is not None,
            memory_bytes=prepared.spec.limits.memory_bytes,
        )
        if not exit_.succeeded and (wrong := await _trouble(prepared)):
            exit_ = replace(exit_, words=f"{exit_.words.rstrip('.')}; {wrong}.")
        with suppress(ProblemError, OSError):
            await self._runtime.remove(handle)
            await asyncio.to_thread(_drop_old_log, handle, self.number)
        return exit_

    async def _check_limits(self, handle: Handle, prepared: Prepared) -> None:
        stats = await self._answered(lambda: self._runtime.stats(handle))
        try:
            refuse_unapplied(self.service, stats, prepared.accepted)
        except LimitNotAppliedError:
            # Of a process that is gone already nothing can be read back: its end says why.
            if not await self._has_ended(handle):
                raise

    async def _has_ended(self, handle: Handle) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(_ENDING_SECONDS):
                await self._runtime.wait(handle)
                return True
        return False

    async def _prepared(self, handle: Handle | None) -> Prepared | None:
        """Return what is started; None when it is to end before that, as pulling may take long."""
        preparing = asyncio.create_task(
            self._answered(
                lambda: self._prepare(
                    self.service,
                    self.number,
                    limits=self._limits,
                    runs=handle is not None,
                    tell=self._tell,
                ),
                _AWAY_SECONDS if handle is None else math.inf,
            )
        )
        if handle is not None:
            return await preparing
        stopping = asyncio.create_task(self._stop_asked.wait())
        try:
            await asyncio.wait((preparing, stopping), return_when=asyncio.FIRST_COMPLETED)
            return preparing.result() if preparing.done() else None
        finally:
            for task in (preparing, stopping):
                task.cancel()
            await asyncio.gather(preparing, stopping, return_exceptions=True)

    async def _answered(self, call: Callable[[], Awaitable[T]], seconds: float = math.inf) -> T:
        """Return the runtime's answer; while it is away it is asked again, always the same."""
        deadline = self._clock() + seconds
        while True:
            try:
                return await call()
            except RuntimeAwayError as error:
                if self._clock() > deadline:
                    raise
                self._tell(f"{error.detail} It is asked again.")
            await asyncio.sleep(_AGAIN_SECONDS)

    def _tell(self, words: str) -> None:
        self._facts.told(self.service, self.number, words)

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

    async def _settle(self) -> None:
        """Nothing can be asked: it is well once it has run for a moment."""
        await asyncio.sleep(_SETTLED_SECONDS)
        await self._facts.until_going()
        answer = Answer(healthy=True, words="it runs, and has no health check")
        self._facts.probed(self.service, self.number, answer, counts=True, retries=1)

    async def _probe(self, handle: Handle, prepared: Prepared) -> None:
        check, times = prepared.check, prepared.times
        if check is None:
            return
        begun = self._clock()
        while True:
            stands = await self._facts.until_going()
            answer = await ask(self._runtime, handle, check, times.timeout)
            if wrong := await _trouble(prepared):
                answer = replace(answer, words=f"{answer.words}; {wrong}")
            if await self._facts.until_going() != stands:
                continue  # it stood still meanwhile, and the answer says nothing
            starting = self._clock() - begun < times.start_period
            settled = answer.healthy or self._facts.is_healthy(self.service)
            self._facts.probed(
                self.service,
                self.number,
                answer,
                counts=answer.is_known and (settled or not starting),
                retries=times.retries,
            )
            await asyncio.sleep(
                times.start_interval if starting and not settled else times.interval
            )


async def _trouble(prepared: Prepared) -> str:
    if prepared.volumes is None:
        return ""
    return await asyncio.to_thread(trouble, prepared.spec, prepared.volumes)


def _drop_old_log(handle: Handle, number: int) -> None:
    """Keep the logs of the last attempts only: a service may be restarted for ever."""
    told = handle.data.get("log_directory")
    if not isinstance(told, str) or number <= _KEPT_LOGS:
        return
    directory = Path(told)
    stem = directory.name.rpartition(".")[0]
    shutil.rmtree(directory.with_name(f"{stem}.{number - _KEPT_LOGS}"), ignore_errors=True)
