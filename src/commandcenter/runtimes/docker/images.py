"""Have an image on the engine, pulled or built, and say what it is."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp

from commandcenter.runtimes.docker import image_facts
from commandcenter.runtimes.docker.build_context import ContextError, open_context
from commandcenter.runtimes.docker.containers import Containers
from commandcenter.runtimes.docker.engine import Engine, EngineError
from commandcenter.runtimes.docker.places import Places
from commandcenter.runtimes.errors import ImageUnavailableError
from commandcenter.runtimes.images import ImageBuild, ImageFacts, ImageWanted

_PULL_SECONDS = 1800.0
_BUILD_SECONDS = 3600.0
_TELL_SECONDS = 0.5
_LAST_LINES = 20
_LINE_CHARACTERS = 500
_MIB = 1024**2
_STEP = re.compile(r"Step \d+/\d+ : .*")
_AWAY = ("no such host", "connection refused", "i/o timeout", "network is unreachable",
         "tls handshake timeout", "server misbehaving", "context deadline exceeded",
         "temporary failure in name resolution", "no route to host", "eof", "toomanyrequests",
         "connection reset", "503", "502")  # fmt: skip
_LOGIN = ("unauthorized", "access denied", "authentication required", "denied:")
_UNKNOWN = ("not found", "manifest unknown", "name unknown", "does not exist", "invalid reference",
            "no matching manifest")  # fmt: skip

Progress = Callable[[str], None]


class Images:
    def __init__(self, containers: Containers, places: Places) -> None:
        self._engine: Engine = containers.engine
        self._containers = containers
        self._places = places
        self._locks: dict[str, asyncio.Lock] = {}

    async def provide(self, wanted: ImageWanted, progress: Progress) -> ImageFacts:
        """Raises `ImageUnavailableError` and `RuntimeAwayError`."""
        async with self._locks.setdefault(wanted.reference, asyncio.Lock()):
            told = None if _must_renew(wanted) else await self._inspect(wanted.reference)
            if told is None:
                told = await self._obtain(wanted, progress)
            return await image_facts.read(
                self._containers, self._places, told, with_users=wanted.with_users
            )

    async def _obtain(self, wanted: ImageWanted, progress: Progress) -> dict[str, Any]:
        name = wanted.reference
        if wanted.build is not None:
            await self._build(name, wanted.build, wanted.platform, progress)
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
        teller = _Teller(progress)
        try:
            async with self._engine.stream(
                "POST", "images/create", params=params, seconds=_PULL_SECONDS
            ) as answer:
                async for message in _messages(answer):
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

    async def _build(
        self, name: str, build: ImageBuild, platform: str | None, progress: Progress
    ) -> None:
        progress(f"building {name}")
        try:
            context, dockerfile = await asyncio.to_thread(open_context, build)
        except ContextError as error:
            raise ImageUnavailableError(
                f"The image {name} cannot be built: {error}", is_passing=False, hint=error.hint
            ) from error
        params: dict[str, Any] = {
            "t": name,
            "dockerfile": dockerfile,
            "buildargs": json.dumps(dict(build.args)),
            "labels": json.dumps({**build.labels, **self._places.labels(kind="build")}),
            "nocache": build.no_cache,
            "rm": True,
            "forcerm": True,
        }
        if build.pull:
            params["pull"] = "1"
        for key, value in (
            ("target", build.target), ("platform", platform), ("networkmode", build.network)
        ):  # fmt: skip
            if value:
                params[key] = value
        last: list[str] = []
        teller = _Teller(progress)
        with context:
            try:
                async with self._engine.stream(
                    "POST",
                    "build",
                    params=params,
                    data=context,
                    headers={"Content-Type": "application/x-tar"},
                    seconds=_BUILD_SECONDS,
                ) as answer:
                    async for message in _messages(answer):
                        if "error" in message:
                            raise _failed(name, str(message["error"]), last)
                        self._hear(name, str(message.get("stream") or ""), last, teller)
            except EngineError as error:
                raise _failed(name, error.message, last) from error

    @staticmethod
    def _hear(name: str, text: str, last: list[str], teller: "_Teller") -> None:
        for line in text.splitlines():
            if not line.strip():
                continue
            last.append(line[:_LINE_CHARACTERS])
            del last[:-_LAST_LINES]
            if _STEP.match(line):
                teller.tell(f"building {name}: {line[:120]}", at_once=True)


class _Teller:
    """Passes words on, not too often."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._told_at = 0.0

    def tell(self, text: str, *, at_once: bool = False) -> None:
        now = time.monotonic()
        if at_once or now - self._told_at >= _TELL_SECONDS:
            self._told_at = now
            self._progress(text)


async def _messages(answer: aiohttp.ClientResponse) -> AsyncIterator[dict[str, Any]]:
    """One JSON document per line; a line that is none is left out."""
    rest = b""
    async for chunk in answer.content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if message := _document(line):
                yield message
    if message := _document(rest):
        yield message


def _document(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line) if line.strip() else None
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


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
    if any(part in told for part in _AWAY):
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


def _failed(name: str, words: str, last: list[str]) -> ImageUnavailableError:
    tail = "\n".join(last)
    is_passing = any(part in words.lower() for part in _AWAY)
    return ImageUnavailableError(
        f"The image {name} cannot be built: {words}" + (f"\n{tail}" if tail else ""),
        is_passing=is_passing,
        hint="The lines above are the last of the build.",
    )
