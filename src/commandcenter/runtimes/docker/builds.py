"""Build an image: by BuildKit where the engine has it, else by its classic builder.

BuildKit is asked without a session, which its API leaves open; a builder so asked logs in at no
registry, not even as nobody. So what a Dockerfile is built on is had beforehand, as any image is.
"""

import asyncio
import json
import re
import tarfile
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import IO, Any, Protocol

from commandcenter.runtimes.docker.build_context import ContextError, open_context
from commandcenter.runtimes.docker.build_trace import read_trace
from commandcenter.runtimes.docker.dockerfile import Dockerfile, read_dockerfile
from commandcenter.runtimes.docker.engine import Engine, EngineError, sounds_away
from commandcenter.runtimes.docker.places import Places
from commandcenter.runtimes.docker.progress import Progress, Teller, messages
from commandcenter.runtimes.errors import ImageUnavailableError
from commandcenter.runtimes.images import ImageBuild

_BUILD_SECONDS = 3600.0
_LAST_LINES = 20
_LINE_CHARACTERS = 500
_STEP_CHARACTERS = 120
_MAX_DOCKERFILE_BYTES = 1024**2
_PIECE_BYTES = 256 * 1024
_STEP = re.compile(r"Step \d+/\d+ : .*")
_TRACE = "moby.buildkit.trace"
_NO_SESSION = "no active session"
_OURS = "[internal]"  # steps of BuildKit's own


class Have(Protocol):
    async def __call__(
        self, name: str, platform: str | None, progress: Progress, *, anew: bool
    ) -> None:
        """Have an image on the engine. Raises `ImageUnavailableError`."""


class Builds:
    def __init__(self, engine: Engine, places: Places, have: Have) -> None:
        self._engine = engine
        self._places = places
        self._have = have

    async def build(
        self, name: str, build: ImageBuild, platform: str | None, progress: Progress
    ) -> None:
        """Raises `ImageUnavailableError` with the last lines of what failed."""
        progress(f"building {name}")
        context, dockerfile = await _context(name, build)
        try:
            params = self._params(name, build, platform, dockerfile)
            if not await self._engine.builds_by_buildkit():
                await self._send(name, params, context, progress)
                return
            text = await asyncio.to_thread(_read, context, dockerfile)
            found = read_dockerfile(text, build.args)
            missing = await self._provide(found, build, platform, progress)
            if found.syntax is not None and missing.pop(found.syntax, None) is not None:
                progress(f"building {name} without {found.syntax}, which cannot be had")
                context.close()
                own = replace(build, dockerfile_inline=found.without_syntax)
                context, params["dockerfile"] = await _context(name, own)
            await self._send_to_buildkit(name, params, context, progress, missing)
        finally:
            context.close()

    async def _send_to_buildkit(
        self,
        name: str,
        params: dict[str, Any],
        context: IO[bytes],
        progress: Progress,
        missing: Mapping[str, ImageUnavailableError],
    ) -> None:
        own = {key: value for key, value in params.items() if key != "pull"}  # that was done
        try:
            await self._send(name, {**own, "version": "2"}, context, progress)
        except ImageUnavailableError as error:
            if missing:
                raise next(iter(missing.values())) from error
            if _NO_SESSION not in error.detail:
                raise
            # It is built on something that was not made out; the classic builder pulls itself.
            await self._send(name, params, context, progress)

    async def _provide(
        self, found: Dockerfile, build: ImageBuild, platform: str | None, progress: Progress
    ) -> dict[str, ImageUnavailableError]:
        """Have what it is built on; return what cannot be had, which it may do without."""
        missing: dict[str, ImageUnavailableError] = {}
        syntax = () if found.syntax is None else (found.syntax,)
        for image in (*syntax, *found.images):
            try:
                await self._have(image, platform, progress, anew=build.pull)
            except ImageUnavailableError as error:
                missing[image] = error
        return missing

    def _params(
        self, name: str, build: ImageBuild, platform: str | None, dockerfile: str
    ) -> dict[str, Any]:
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
        return params

    async def _send(
        self, name: str, params: Mapping[str, Any], context: IO[bytes], progress: Progress
    ) -> None:
        report = _Report(name, Teller(progress))
        try:
            async with self._engine.stream(
                "POST",
                "build",
                params=params,
                data=_pieces(context),
                headers={"Content-Type": "application/x-tar"},
                seconds=_BUILD_SECONDS,
            ) as answer:
                async for message in messages(answer):
                    if "error" in message:
                        raise report.failed(str(message["error"]))
                    report.hear(message)
        except EngineError as error:
            raise report.failed(error.message) from error


class _Report:
    """What a builder says: which step it is at, and the last lines of each."""

    def __init__(self, name: str, teller: Teller) -> None:
        self._name = name
        self._teller = teller
        self._last: dict[str, list[str]] = {}  # by step; the classic builder's are one
        self._names: dict[str, str] = {}
        self._failed = ""
        self._told = ""

    def hear(self, message: Mapping[str, Any]) -> None:
        if message.get("id") == _TRACE:
            self._hear_trace(str(message.get("aux") or ""))
        for line in str(message.get("stream") or "").splitlines():
            if line.strip():
                self._keep("", line)
            if _STEP.match(line):
                self._tell(line)

    def _hear_trace(self, encoded: str) -> None:
        trace = read_trace(encoded)
        for step in trace.steps:
            self._names[step.identifier] = step.name
            if step.has_failed:
                self._failed = step.identifier
            elif step.is_running and step.name and not step.name.startswith(_OURS):
                self._tell(step.name)
        for identifier, text in trace.output:
            for line in text.splitlines():
                self._keep(identifier, line)

    def _tell(self, step: str) -> None:
        if step != self._told:
            self._told = step
            self._teller.tell(f"building {self._name}: {step[:_STEP_CHARACTERS]}", at_once=True)

    def _keep(self, step: str, line: str) -> None:
        lines = self._last.setdefault(step, [])
        lines.append(line[:_LINE_CHARACTERS])
        del lines[:-_LAST_LINES]

    def failed(self, words: str) -> ImageUnavailableError:
        step = self._names.get(self._failed)
        lines = [*([step] if step else []), *self._last.get(self._failed, ())]
        tail = "\n".join(lines)
        return ImageUnavailableError(
            f"The image {self._name} cannot be built: {words}" + (f"\n{tail}" if tail else ""),
            is_passing=sounds_away(words),
            hint="The lines above are the last of the build.",
        )


async def _context(name: str, build: ImageBuild) -> tuple[IO[bytes], str]:
    try:
        return await asyncio.to_thread(open_context, build)
    except ContextError as error:
        raise ImageUnavailableError(
            f"The image {name} cannot be built: {error}", is_passing=False, hint=error.hint
        ) from error


def _read(context: IO[bytes], dockerfile: str) -> str:
    """The Dockerfile as it is sent; "" if it is none that can be read.

    From what is sent, so that no other file is read, whatever lies in the folder by now.
    """
    data = b""
    with suppress(KeyError, tarfile.TarError), tarfile.open(fileobj=context, mode="r:") as tar:
        file = tar.extractfile(dockerfile)
        data = file.read(_MAX_DOCKERFILE_BYTES) if file is not None else b""
    return data.decode("utf-8", "replace")


async def _pieces(context: IO[bytes]) -> AsyncIterator[bytes]:
    """From its beginning; the file stays open."""
    context.seek(0)
    while piece := await asyncio.to_thread(context.read, _PIECE_BYTES):
        yield piece
