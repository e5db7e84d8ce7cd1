"""Services that stand still for a while. Nobody does for ever: each pause has its own end."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from commandcenter.runner.errors import IsolationError, NotRunningError
from commandcenter.runner.stillness import Stillness

_COMMANDS_SECONDS = 10.0


@dataclass(slots=True)
class _Pause:
    stillness: Stillness
    over: asyncio.Event = field(default_factory=asyncio.Event)
    begun: asyncio.Future[None] | None = None
    timer: asyncio.TimerHandle | None = None


class Pauses:
    """The pauses of a runner's services, by attempt."""

    def __init__(self) -> None:
        self._pauses: dict[str, _Pause] = {}
        self._commands: Counter[str] = Counter()
        self._idle = asyncio.Condition()

    async def begin(self, identifier: str, init_pid: int, seconds: float) -> None:
        """Return when the service stands still, for at most `seconds`; again, it lasts longer.

        Commands in it are waited for. Raises `IsolationError`, and `NotRunningError` when it ended.
        """
        pause = self._pauses.get(identifier)
        if pause is None:
            pause = self._pauses[identifier] = _Pause(Stillness(init_pid))
            self._lasting(identifier, pause, seconds)  # also if the caller is gone by the time
            pause.begun = asyncio.ensure_future(self._stop(identifier, pause))
        if pause.begun is not None:
            await asyncio.shield(pause.begun)
        if self._pauses.get(identifier) is not pause:
            raise NotRunningError(f"No service runs as {identifier}.")
        self._lasting(identifier, pause, seconds)

    def _lasting(self, identifier: str, pause: _Pause, seconds: float) -> None:
        if pause.timer is not None:
            pause.timer.cancel()
        pause.timer = asyncio.get_running_loop().call_later(seconds, self.end, identifier)

    async def _stop(self, identifier: str, pause: _Pause) -> None:
        try:
            await self._wait_for_commands(identifier)
            await pause.stillness.begin()
        except BaseException:
            if self._pauses.get(identifier) is pause:
                self.end(identifier)
            raise
        if self._pauses.get(identifier) is not pause:  # ended meanwhile
            pause.stillness.end()

    def end(self, identifier: str) -> bool:
        """Let the service go on; whether it has stood still until now. Idempotent."""
        pause = self._pauses.pop(identifier, None)
        if pause is None:
            return False
        if pause.timer is not None:
            pause.timer.cancel()
        pause.over.set()
        return pause.stillness.end()

    @asynccontextmanager
    async def running(self, identifier: str, seconds: float) -> AsyncIterator[None]:
        """Run a command in the block, which begins when the service goes on.

        Raises TimeoutError when it does not in that time.
        """
        async with asyncio.timeout(seconds):
            while pause := self._pauses.get(identifier):
                await pause.over.wait()
        self._commands[identifier] += 1
        try:
            yield
        finally:
            self._commands[identifier] -= 1
            if not self._commands[identifier]:
                del self._commands[identifier]
            async with self._idle:
                self._idle.notify_all()

    async def _wait_for_commands(self, identifier: str) -> None:
        try:
            async with asyncio.timeout(_COMMANDS_SECONDS), self._idle:
                await self._idle.wait_for(lambda: not self._commands[identifier])
        except TimeoutError:
            raise IsolationError(
                "The service cannot be paused: a command that was begun in it has not ended.",
                hint="Try again, or give its health check less time.",
            ) from None
