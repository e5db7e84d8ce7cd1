"""The fake runtime, with images on a shelf: pulled at once, away when it is told to be."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from commandcenter.runtimes.base import Handle
from commandcenter.runtimes.capabilities import Capabilities, Feature
from commandcenter.runtimes.errors import ImageUnavailableError, RuntimeAwayError
from commandcenter.runtimes.fake.runtime import FakeRuntime
from commandcenter.runtimes.images import ImageFacts, ImageWanted
from commandcenter.runtimes.spec import AttemptSpec


class Shelf(FakeRuntime):
    def __init__(self, data: Path) -> None:
        super().__init__(data)
        self.tags: dict[str, str] = {}  # by name: the id that is there
        self.wanted: list[ImageWanted] = []
        self.started: list[AttemptSpec] = []
        self.errors: list[ImageUnavailableError] = []  # of the next pulls
        self.is_away = asyncio.Event()
        self.pulling = asyncio.Event()
        self.pulled = asyncio.Event()
        self.pulled.set()

    async def capabilities(self) -> Capabilities:
        return replace(await super().capabilities(), features=frozenset(Feature))

    async def provide_image(
        self, wanted: ImageWanted, progress: Callable[[str], None]
    ) -> ImageFacts:
        self.wanted.append(wanted)
        self._answer()
        if wanted.pull != "never":
            progress(f"pulling {wanted.reference}: 12 of 48 MB")
            self.pulling.set()
            await self.pulled.wait()
        if self.errors:
            raise self.errors.pop(0)
        found = self.tags.get(wanted.reference)
        if found is None and wanted.reference in self.tags.values():
            found = wanted.reference
        if found is None:
            raise ImageUnavailableError(f"{wanted.reference} is nowhere.", is_passing=False)
        return ImageFacts(found, 0, 0, command=("serve",))

    async def start(self, spec: AttemptSpec) -> Handle:
        self._answer()
        handle = await super().start(spec)
        self.started.append(spec)
        return handle

    async def recover(self, handle: Handle) -> bool:
        self._answer()
        return await super().recover(handle)

    def _answer(self) -> None:
        if self.is_away.is_set():
            raise RuntimeAwayError("The engine does not answer.")

    def references(self) -> Sequence[str]:
        return [each.image.reference for each in self.started if each.image is not None]
