"""Services that stand still, and when each is let go on at the latest."""

import asyncio
from collections.abc import Awaitable, Callable


class Pauses:
    def __init__(self) -> None:
        self._leases: dict[str, asyncio.Task[None]] = {}

    def begin(self, attempt_id: str, seconds: float, let_go: Callable[[], Awaitable[None]]) -> None:
        """Have the service let go on after that time; idempotent, the later call's time counts."""
        self.end(attempt_id)

        async def expire() -> None:
            await asyncio.sleep(seconds)
            self._leases.pop(attempt_id, None)
            await let_go()

        self._leases[attempt_id] = asyncio.create_task(expire())

    def end(self, attempt_id: str) -> bool:
        """Whether it was paused here, and its time is not over."""
        lease = self._leases.pop(attempt_id, None)
        if lease is None:
            return False
        lease.cancel()
        return True

    async def close(self) -> None:
        """Forget all; what is paused is resumed by the next process."""
        leases = list(self._leases.values())
        self._leases.clear()
        for lease in leases:
            lease.cancel()
        await asyncio.gather(*leases, return_exceptions=True)
