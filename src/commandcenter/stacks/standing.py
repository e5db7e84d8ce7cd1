"""Whether the services of a stack stand still, as they do while their volumes are copied."""

import asyncio


class Standing:
    def __init__(self) -> None:
        self.words = ""  # why, for people; "" while they do not
        self.reached = asyncio.Event()  # nothing is being started or ended any more
        self._times = 0
        self._over = asyncio.Event()
        self._over.set()

    def begin(self, words: str) -> None:
        self.words = words
        self._times += 1
        self.reached.clear()
        self._over.clear()

    def end(self) -> None:
        """Idempotent."""
        self.words = ""
        self._over.set()

    async def until_over(self) -> int:
        """Return once they do not stand still; how often they have by now."""
        await self._over.wait()
        return self._times
