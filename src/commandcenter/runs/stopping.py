"""Why an execution is to stop before its end, and waiting with an ear for it."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from enum import StrEnum
from typing import Any, TypeVar

T = TypeVar("T")


class StopReason(StrEnum):
    CANCELLED = "cancelled"  # a person asked
    DEADLINE = "deadline"  # the run's own
    DRAIN = "drain"  # the hub is going down; the run goes on at its next start


class StopRequestedError(Exception):
    """Raised by `StopSignal.race` instead of the result."""


class StopSignal:
    """Set once; the first reason stands."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self.reason: StopReason | None = None
        self.leaves_running = False
        self._patience_until = 0.0  # the event loop's time

    def set(
        self, reason: StopReason, *, patience_seconds: float = 0.0, leaves_running: bool = False
    ) -> None:
        """Ask to stop. What is under way may go on to its end for `patience_seconds`.

        `leaves_running`: what goes on beyond that is left to the next start of the hub.
        """
        if self.reason is None:
            self.reason = reason
            self.leaves_running = leaves_running
            self._patience_until = asyncio.get_running_loop().time() + patience_seconds
            self._event.set()

    @property
    def patience_seconds(self) -> float:
        """How long what is under way may still go on."""
        return max(0.0, self._patience_until - asyncio.get_running_loop().time())

    @property
    def is_set(self) -> bool:
        return self.reason is not None

    async def race(
        self, work: Coroutine[Any, Any, T], *, timeout_seconds: float | None = None
    ) -> T:
        """Return what `work` returns, unless the signal (`StopRequestedError`) or the time
        (`TimeoutError`) comes first; `work` is then cancelled and awaited."""  # noqa: D209  # one sentence
        if self.is_set:
            work.close()
            raise StopRequestedError
        task = asyncio.ensure_future(work)
        stopped = asyncio.ensure_future(self._event.wait())
        try:
            await asyncio.wait(
                {task, stopped}, timeout=timeout_seconds, return_when=asyncio.FIRST_COMPLETED
            )
            if task.done():
                return task.result()
            if self.is_set:
                raise StopRequestedError
            raise TimeoutError
        finally:
            stopped.cancel()
            if not task.done():
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
