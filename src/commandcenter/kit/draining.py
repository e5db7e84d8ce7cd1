"""The state of going down: no new work, running work gets time to end."""

import asyncio
from collections.abc import Awaitable, Callable

from starlette.requests import HTTPConnection

from commandcenter.kit.errors import UnavailableError
from commandcenter.kit.injection import provide

Hook = Callable[[], Awaitable[None]]


class StoppingError(UnavailableError):
    code = "stopping"
    title = "The hub is stopping"


class Draining:
    """Services add hooks that return once their running work has ended; all run at once."""

    def __init__(self) -> None:
        self.is_draining = False
        self._hooks: list[tuple[Hook, float]] = []

    def add(self, hook: Hook, *, extra_seconds: float = 0.0) -> None:
        """`extra_seconds` is what the hook may take beyond the time to drain, to stop the rest."""
        self._hooks.append((hook, extra_seconds))

    def begin(self) -> None:
        """Take no new work from now on."""
        self.is_draining = True

    def refuse_new_work(self) -> None:
        """Raise `StoppingError` once the hub is stopping; call it before accepting work."""
        if self.is_draining:
            raise StoppingError(
                "The hub is stopping and takes no new work.",
                hint="Nothing was started. Send it again once the hub is back.",
            )

    async def drain(self, *, deadline_seconds: float) -> bool:
        """Refuse new work and wait for the hooks; False when the deadline came first."""
        self.begin()
        in_time = await asyncio.gather(
            *(_ended_within(hook(), deadline_seconds + extra) for hook, extra in self._hooks)
        )
        return all(in_time)


def accepting_work(connection: HTTPConnection) -> None:
    """Refuse a request for new work once the hub is stopping: `dependencies=[Depends(...)]`."""
    provide(Draining)(connection).refuse_new_work()


async def _ended_within(work: Awaitable[None], seconds: float) -> bool:
    task = asyncio.ensure_future(work)
    _, pending = await asyncio.wait([task], timeout=seconds)
    if pending:
        task.cancel()
    return not pending
