"""Have an image on the engine, pulled or built, and say what it is."""

import asyncio
from typing import Any

from commandcenter.runtimes.docker.builds import Builds
from commandcenter.runtimes.docker.containers import Containers
from commandcenter.runtimes.docker.engine import Engine, EngineError, sounds_away
from commandcenter.runtimes.docker.image_facts import ImageLooks
from commandcenter.runtimes.docker.places import Places
from commandcenter.runtimes.docker.progress import Progress, Teller, messages
from commandcenter.runtimes.errors import ImageUnavailableError
from commandcenter.runtimes.images import ImageFacts, ImageWanted

_PULL_SECONDS = 1800.0
_MIB = 1024**2
_LOGIN = ("unauthorized", "access denied", "authentication required", "denied:")
_UNKNOWN = ("not found", "manifest unknown", "name unknown", "does not exist", "invalid reference",
            "no matching manifest")  # fmt: skip


class Images:
    def __init__(self, containers: Containers, places: Places) -> None:
        self._engine: Engine = containers.engine
        self._looks = ImageLooks(containers)
        self._builds = Builds(self._engine, places, self._have)
        self._locks: dict[str, asyncio.Lock] = {}

    async def provide(self, wanted: ImageWanted, progress: Progress) -> ImageFacts:
        """Raises `ImageUnavailableError` and `RuntimeAwayError`."""
        async with self._locks.setdefault(wanted.reference, asyncio.Lock()):
            told = None if _must_renew(wanted) else await self._inspect(wanted.reference)
            if told is None:
                told = await self._obtain(wanted, progress)
            return await self._looks.facts(told, with_users=wanted.with_users)

    async def _obtain(self, wanted: ImageWanted, progress: Progress) -> dict[str, Any]:
        name = wanted.reference
        if wanted.build is not None:
            await self._builds.build(name, wanted.build, wanted.platform, progress)
        elif wanted.pull == "never":
            raise ImageUnavailableError(
                f"The image {name} is not on the engine, and it is never to be pulled.",
                is_passing=False,
                hint=f"Have it pulled (docker pull {name}), or allow it: pull_policy: missing",
            )
        else:
            await self._pull(name, wanted.platform, progress)
        told = await self._inspect(name)
        if told is None:
            raise ImageUnavailableError(
                f"The image {name} was removed again while it was being had.", is_passing=True
            )
        return told

    async def _have(
        self, name: str, platform: str | None, progress: Progress, *, anew: bool
    ) -> None:
        """Have an image that another one is built on."""
        if anew or await self._inspect(name) is None:
            await self._pull(name, platform, progress)

    async def _inspect(self, reference: str) -> dict[str, Any] | None:
        try:
            return dict(await self._engine.call("GET", f"images/{reference}/json"))
        except EngineError as error:
            if error.is_missing:
                return None
            raise _refused(reference, error.message) from error

    async def _pull(self, name: str, platform: str | None, progress: Progress) -> None:
        progress(f"pulling {name}")
        params = {"fromImage": name if _has_tag(name) else f"{name}:latest"}
        if platform:
            params["platform"] = platform
        layers: dict[str, tuple[int, int]] = {}
        teller = Teller(progress)
        try:
            async with self._engine.stream(
                "POST", "images/create", params=params, seconds=_PULL_SECONDS
            ) as answer:
                async for message in messages(answer):
                    if "error" in message:
                        raise _refused(name, str(message["error"]))
                    detail = message.get("progressDetail") or {}
                    if message.get("status") == "Downloading" and detail.get("total"):
                        layers[str(message.get("id"))] = (detail["current"], detail["total"])
                    elif message.get("status") in {"Download complete", "Pull complete"}:
                        _, total = layers.get(str(message.get("id")), (0, 0))
                        layers[str(message.get("id"))] = (total, total)
                    if layers:
                        done, total = (
                            sum(pair[index] for pair in layers.values()) for index in (0, 1)
                        )
                        teller.tell(f"pulling {name}: {done // _MIB} of {total // _MIB} MB")
        except EngineError as error:
            raise _refused(name, error.message) from error


def _must_renew(wanted: ImageWanted) -> bool:
    return wanted.pull == ("build" if wanted.build is not None else "always")


def _has_tag(name: str) -> bool:
    return "@" in name or ":" in name.rpartition("/")[2]


def _refused(name: str, words: str) -> ImageUnavailableError:
    told = words.lower()
    if any(part in told for part in _LOGIN):
        return ImageUnavailableError(
            f"The image {name} cannot be pulled: there is none of that name for everybody, or its "
            f"registry wants a login ({words}).",
            is_passing=False,
            hint=f"Check the name; log the engine in, or pull it once by hand: docker pull {name}",
        )
    if sounds_away(words):
        return ImageUnavailableError(
            f"The image {name} cannot be pulled: its registry cannot be reached ({words}).",
            is_passing=True,
            hint="Check the machine's connection, or bring the image: docker load",
        )
    if any(part in told for part in _UNKNOWN):
        return ImageUnavailableError(
            f"There is no image {name}: {words}.", is_passing=False, hint="Check name and tag."
        )
    return ImageUnavailableError(
        f"The image {name} cannot be had: {words}.", is_passing=True, hint="Try again."
    )
