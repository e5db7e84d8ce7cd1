"""Making the services of one stack ready for the runtime that it runs on."""

import asyncio
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import chain

from commandcenter.kit.errors import ProblemError
from commandcenter.projects.errors import FolderNotFoundError
from commandcenter.runtimes.base import Runtime
from commandcenter.runtimes.capabilities import Capabilities, Feature
from commandcenter.runtimes.errors import ImageUnavailableError
from commandcenter.runtimes.images import ImageFacts, ImageWanted
from commandcenter.stacks.errors import ServiceNotPreparedError, StackCannotStartError
from commandcenter.stacks.model import Service, Stack
from commandcenter.stacks.prepared import Prepared
from commandcenter.stacks.preparing import with_images, with_programs
from commandcenter.stacks.preparing.common import secret_environment
from commandcenter.stacks.preparing.default_apps import completed
from commandcenter.stacks.preparing.place import Place
from commandcenter.stacks.preparing.wanted import image_wanted, with_builds_of_others
from commandcenter.stacks.resources import ServiceLimits


class Preparer:
    """Whether a runtime has images decides how; its name never does.

    An image is pulled or built once per start of the stack: what is restarted in between runs the
    same bits, whatever their name stands for by then.
    """

    def __init__(
        self,
        stack: Stack,
        place: Place,
        runtime: Runtime,
        images: Mapping[str, ImageFacts] | None = None,
    ) -> None:
        self._services = {each.name: with_builds_of_others(each, stack) for each in stack.services}
        # What one service is told is often known to others, and said by them in other words.
        told = (each.values() for each in map(secret_environment, stack.services))
        redact = dict.fromkeys((*place.redact, *chain.from_iterable(told)))
        self._place = replace(place, redact=tuple(redact))
        self._runtime = runtime
        self._images = dict(images or {})

    async def check(self) -> None:
        """Raise `StackCannotStartError` for all that can be said before anything is started."""
        can = await self._runtime.capabilities()
        problems = await asyncio.to_thread(self._problems, can)
        if problems:
            raise StackCannotStartError(problems)

    def _problems(self, can: Capabilities) -> dict[str, ProblemError]:
        found: dict[str, ProblemError] = {}
        for name, service in self._services.items():
            try:
                if Feature.IMAGES in can.features:
                    with_images.check(service, self._place, can)
                else:
                    with_programs.prepare(service, 1, self._place, can)
            except ProblemError as error:
                found[name] = error
        return found

    async def prepare(
        self,
        name: str,
        number: int,
        *,
        limits: ServiceLimits,
        runs: bool,
        tell: Callable[[str], None],
    ) -> Prepared:
        """Return what is started as attempt `number`; its image is there then.

        `limits` take the place of the definition's. `runs`: it was started before, and is only to
        be watched. `tell` hears how it goes. Raises what `check` does for the service, and the
        errors of `Runtime.provide_image`.
        """
        self._refuse_moved()
        service = replace(self._services[name], limits=limits)
        can = await self._runtime.capabilities()
        if Feature.IMAGES not in can.features:
            return await asyncio.to_thread(with_programs.prepare, service, number, self._place, can)
        if not runs:
            await asyncio.to_thread(with_images.check, service, self._place, can)
        with suppress(*((ServiceNotPreparedError,) if runs else ())):
            # What runs goes on, whatever became of the folder since.
            service = await asyncio.to_thread(completed, service, self._place)
        facts = await self._image(service, runs=runs, tell=tell)
        made = await asyncio.to_thread(
            with_images.prepare, service, number, self._place, can, facts
        )
        self._images[name] = facts
        return made

    async def _image(
        self, service: Service, *, runs: bool, tell: Callable[[str], None]
    ) -> ImageFacts:
        known = self._images.get(service.name)
        if known is not None and runs:
            return known
        if known is not None:
            again = ImageWanted(known.reference, pull="never", platform=service.platform)
            try:
                await self._runtime.provide_image(again, tell)
            except ImageUnavailableError:
                pass  # it was removed behind our back: had anew, as at the beginning
            else:
                return known
        wanted = await asyncio.to_thread(image_wanted, service, self._place)
        shown = service.name if wanted.build is not None else wanted.reference

        def told(words: str) -> None:
            tell(words.replace(wanted.reference, shown))  # what is built has a name of ours

        try:
            return await self._runtime.provide_image(wanted, told)
        except ImageUnavailableError as error:
            words = error.detail.replace(wanted.reference, shown)
            raise ImageUnavailableError(
                words, is_passing=error.is_passing, hint=error.hint
            ) from error

    def _refuse_moved(self) -> None:
        folder = self._place.folder
        if os.path.realpath(folder) != str(folder) or not folder.is_dir():
            raise FolderNotFoundError(
                f"The project's folder {folder} is gone, or has become a link.",
                hint="Put it back, or add the project from where it is now.",
            )
