"""Runtimes that are opened when they are first needed, one object per name."""

from collections.abc import Callable, Sequence

from commandcenter.runtimes.base import Runtime
from commandcenter.runtimes.capabilities import Capabilities, Feature


class OpenedRuntimes:
    def __init__(self, names: Sequence[str], create: Callable[[str], Runtime]) -> None:
        self.names = tuple(names)
        self._create = create
        self._opened: dict[str, Runtime] = {}

    def get(self, name: str) -> Runtime:
        """Return the runtime of that name. Raises `UnknownRuntimeError`."""
        if name not in self._opened:
            self._opened[name] = self._create(name)
        return self._opened[name]

    async def having(self, features: frozenset[Feature]) -> list[Capabilities]:
        """Return what the runtimes that have all these can, those that cannot be used here too."""
        found = [await self.get(name).capabilities() for name in self.names]
        return [can for can in found if can.services and features <= can.features]

    async def close(self) -> None:
        for runtime in self._opened.values():
            await runtime.close()
