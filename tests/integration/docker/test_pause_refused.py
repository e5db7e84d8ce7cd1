"""An engine that cannot bring a container to a standstill, once or for good.

A real one does so by chance only; here is as much of an engine as a pause asks for.
"""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from commandcenter.runtimes.docker.containers import Containers
from commandcenter.runtimes.docker.engine import Engine, EngineError
from commandcenter.runtimes.docker.places import Places
from commandcenter.runtimes.errors import RuntimeRefusedError

_REFUSED = {"message": "Cannot pause container x: OCI runtime pause failed: unable to freeze"}


@asynccontextmanager
async def pausing(answers: list[web.Response]) -> AsyncIterator[Containers]:
    """Containers of an engine that gives these answers to a pause, one after the other."""

    async def version(_: web.Request) -> web.Response:
        return web.json_response({"Version": "1", "ApiVersion": "1.41", "MinAPIVersion": "1.12"})

    async def pause(_: web.Request) -> web.Response:
        return answers.pop(0)

    app = web.Application()
    app.add_routes([web.get("/version", version), web.post("/v1.41/containers/{id}/pause", pause)])
    runner = web.AppRunner(app)
    await runner.setup()
    with tempfile.TemporaryDirectory(prefix="cc-pause-") as place:
        socket = Path(place, "docker.sock")
        await web.UnixSite(runner, str(socket)).start()
        engine = Engine(socket)
        try:
            yield Containers(engine, Places.of(Path(place)))
        finally:
            await engine.close()
            await runner.cleanup()


def refused() -> web.Response:
    return web.json_response(_REFUSED, status=500)


async def test_a_pause_that_did_not_work_is_tried_again() -> None:
    answers = [refused(), refused(), web.Response(status=204)]
    async with pausing(answers) as containers:
        await containers.pause("shop.web.1")
    assert not answers


async def test_a_pause_that_never_works_is_told_and_no_longer_tried() -> None:
    answers = [refused() for _ in range(6)]
    async with pausing(answers) as containers:
        with pytest.raises(RuntimeRefusedError, match=r"shop\.web\.1 .* standstill") as caught:
            await containers.pause("shop.web.1")
    assert "Stop it first" in str(caught.value.hint)
    assert len(answers) == 1


async def test_what_else_an_engine_refuses_is_not_tried_again() -> None:
    answers = [web.json_response({"message": "is not running"}, status=409), refused()]
    async with pausing(answers) as containers:
        with pytest.raises(EngineError, match="not running"):
            await containers.pause("shop.web.1")
    assert len(answers) == 1
