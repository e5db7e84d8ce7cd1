"""Copying the volumes of a stack as of one moment, while it runs but for that moment."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from commandcenter.kit.errors import ProblemError
from commandcenter.runtimes.base import Handle, Runtime
from commandcenter.stacks.errors import ForkGivenUpError
from commandcenter.stacks.fork_phases import CopyProgress
from commandcenter.stacks.supervisor import StackSupervisor

logger = logging.getLogger(__name__)

_LONGEST_SECONDS = 4 * 3600.0  # for all that is copied while nobody waits for it
_AGAIN_SECONDS = 1.0  # a copy made ahead that took longer is brought up to date once more
_LEASE_SECONDS = 15.0  # beyond the longest pause, until the runtime lets a service go on by itself
_RESUME_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class VolumeCopy:
    source: Path
    target: Path
    service: str


@dataclass(frozen=True, slots=True)
class Copied:
    size_bytes: int
    pause_seconds: float | None  # None: the stack did not run


class StackCopier:
    """Copies one stack's volumes. Whatever becomes of it, no service is left standing."""

    def __init__(
        self, runtime: Runtime, copies: Sequence[VolumeCopy], progress: CopyProgress
    ) -> None:
        self._runtime = runtime
        self._copies = copies
        self._progress = progress

    async def copy_stopped(self) -> Copied:
        """Copy what nobody writes. Raises the errors of `Runtime.copy_volume`."""
        async with _within(_LONGEST_SECONDS, "The copy"):
            return Copied(await self._pass(ahead=False), None)

    async def copy_running(
        self, supervisor: StackSupervisor, words: str, max_pause_seconds: float
    ) -> Copied:
        """Copy ahead, then pause all services and copy what has changed since.

        Raises `ForkGivenUpError` when that takes longer than the pause may last, or the stack was
        stopped meanwhile; the errors of the runtime; and `StackBusyError`.
        """
        await self._copy_ahead()
        if supervisor.has_ended:
            raise ForkGivenUpError("The stack was stopped meanwhile.", hint="Fork it again.")
        handles: dict[str, Handle] = {}
        stood: dict[str, bool] = {}
        try:
            handles = await supervisor.stand(words)
            begun = time.monotonic()
            try:
                async with _within(max_pause_seconds, "The pause"):
                    await self._pause(handles, max_pause_seconds + _LEASE_SECONDS)
                    size = await self._pass(ahead=False)
            finally:
                stood = await asyncio.shield(resume_all(self._runtime, handles))
            took = time.monotonic() - begun
        finally:
            supervisor.go_on()
        if not all(stood.values()):
            names = ", ".join(name for name, was in stood.items() if not was)
            raise ForkGivenUpError(
                f"{names} did not stand still to the end of the copy, which is of no one moment.",
                hint="It was stopped, killed or woken by others. Fork again.",
            )
        return Copied(size, took)

    async def _copy_ahead(self) -> None:
        """Leave less to be done in the pause."""
        async with _within(_LONGEST_SECONDS, "The copy"):
            for _ in range(2):
                begun = time.monotonic()
                await self._pass(ahead=True)
                if time.monotonic() - begun < _AGAIN_SECONDS:
                    break

    async def _pause(self, handles: Mapping[str, Handle], seconds: float) -> None:
        found = await asyncio.gather(
            *(self._runtime.pause(handle, seconds=seconds) for handle in handles.values()),
            return_exceptions=True,
        )
        for each in found:
            if each is not None:
                raise each

    async def _pass(self, *, ahead: bool) -> int:
        size = 0
        for copy in self._copies:
            self._progress.begin(copy.service, copy.source.name)
            size += await self._runtime.copy_volume(
                copy.source, copy.target, ahead=ahead, progress=self._progress.add
            )
        return size


async def resume_all(runtime: Runtime, handles: Mapping[str, Handle]) -> dict[str, bool]:
    """Let services go on; by name, whether each stood still until now. Never raises."""

    async def resume(handle: Handle) -> bool:
        try:
            async with asyncio.timeout(_RESUME_SECONDS):
                return await runtime.resume(handle)
        except (ProblemError, OSError, TimeoutError) as error:
            # The runtime lets it go on by itself when its time is over.
            logger.warning("%s could not be resumed: %s", handle.attempt_id, error)
            return False

    found = await asyncio.gather(*(resume(handle) for handle in handles.values()))
    return dict(zip(handles, found, strict=True))


@asynccontextmanager
async def _within(seconds: float, what: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise ForkGivenUpError(
            f"{what} would have taken longer than {seconds:g} s.",
            hint="Give it more with --max-pause, or stop the stack and fork it then.",
        ) from None
