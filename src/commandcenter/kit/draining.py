"""The state of going down: no new work, running work gets time to end."""

import asyncio
from collections.abc import Awaitable, Callable

from commandcenter.kit.errors import UnavailableError

Hook = Callable[[], Awaitable[None]]


class StoppingError(UnavailableError):
    code = "stopping"
    title = "The hub is stopping"


class Draining:
    """Services add hooks that return once their running work has ended; all run at once."""

    def __init__(self) -> None:
        self.is_draining = False
        self._hooks: list[Hook] = []

    def add(self, hook: Hook) -> None:
        self._hooks.append(hook)

    def refuse_new_work(self) -> None:
        """Raise `StoppingError` once the hub is stopping; call it before accepting work."""
        if self.is_draining:
            raise StoppingError(
                "The hub is stopping and takes no new work.",
                hint="Send it again once the hub is back.",
            )

    async def drain(self, *, deadline_seconds: float) -> bool:
        """Refuse new work and wait for the hooks; False when the deadline came first."""
        self.is_draining = True
        if not self._hooks:
            return True
        tasks = [asyncio.ensure_future(hook()) for hook in self._hooks]
        _, pending = await asyncio.wait(tasks, timeout=deadline_seconds)
        for task in pending:
            task.cancel()
        return not pending
