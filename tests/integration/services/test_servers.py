"""Real PostgreSQL, Redis, Python and Node servers as services of a project."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
import psycopg
import pytest

from commandcenter.runtimes.results import FailureReason, Stream
from commandcenter.runtimes.sandbox import recipes
from commandcenter.runtimes.sandbox.programs import ProgramMissingError
from commandcenter.runtimes.sandbox.recipes import Recipe
from commandcenter.runtimes.spec import NetworkPolicy, Workspace, WorkspaceAccess
from tests import web
from tests.integration.services.conftest import LIMITS, Stack, free_port

_PASSWORD = "a-password-of-32-random-bytes"
_APPLICATION = """
import json, socket

async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    found = {}
    for name, port, hello in (("postgres", 5432, bytes.fromhex("0000000804d2162f")),
                              ("redis", 6379, b"PING\\r\\n")):
        with socket.create_connection((name, port), 2) as connection:
            connection.sendall(hello)
            found[name] = connection.recv(16).decode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": json.dumps(found).encode()})
"""
_SERVER_JS = """
require("http").createServer((request, response) => response.end("from node " + request.url))
  .listen(Number(process.argv[2]), "0.0.0.0", () => console.log("up"));
"""


def available(make: Callable[[], Recipe]) -> Recipe:
    try:
        return make()
    except ProgramMissingError as error:
        pytest.skip(error.detail)


def postgres() -> Recipe:
    return available(
        lambda: recipes.postgres(
            user="app", password=_PASSWORD, database="shop", memory_bytes=LIMITS.memory_bytes
        )
    )


def connect(port: int, password: str = _PASSWORD) -> psycopg.Connection:
    return psycopg.connect(
        host="127.0.0.1", port=port, user="app", password=password, dbname="shop",
        connect_timeout=10, autocommit=True,
    )  # fmt: skip


async def answer(url: str, seconds: float = 20.0) -> str:
    deadline = asyncio.get_running_loop().time() + seconds
    async with web.async_client(timeout=5.0) as client:
        while True:
            try:
                response = await client.get(url)
                if response.status_code == 200:
                    return response.text
                last = response.text
            except httpx.HTTPError as error:
                last = repr(error)
            if asyncio.get_running_loop().time() > deadline:
                pytest.fail(f"{url} does not answer: {last}")
            await asyncio.sleep(0.05)


async def test_postgres_keeps_what_was_committed_when_it_is_killed(
    stack: Stack, origin: str, port: int
) -> None:
    recipe = postgres()
    first = await stack.start(recipe, "postgres", host_port=port)
    await stack.healthy(recipe, first)
    with connect(port) as connection:
        connection.execute("CREATE TABLE kept (number int)")
        connection.execute("INSERT INTO kept SELECT generate_series(1, 1000)")
    with pytest.raises(psycopg.OperationalError, match="password"):
        connect(port, "wrong")
    kill = "kill -9 $(head -n 1 /var/lib/postgresql/data/pgdata/postmaster.pid)"
    await stack.runtime.execute(first, ("sh", "-c", kill), timeout_seconds=5.0)
    result = await stack.runtime.wait(first)
    assert (result.reason, result.exit_code) == (FailureReason.EXIT_CODE, 137)
    second = await stack.start(recipe, "postgres", host_port=port)
    await stack.healthy(recipe, second)
    with connect(port) as connection:
        row = connection.execute("SELECT count(*), current_user FROM kept").fetchone()
    assert row == (1000, "app")
    assert "not properly shut down" in await stack.words(second)
    assert _PASSWORD not in await stack.words(first)
    await stack.stop(second)
    assert "database system is shut down" in await stack.words(second)


async def test_a_database_whose_making_was_interrupted_is_made_again(
    stack: Stack, port: int
) -> None:
    recipe = postgres()
    for _ in range(3):
        begun = await stack.start(recipe, "postgres", host_port=port)
        async for line in stack.runtime.logs(begun, follow=True):
            assert "making" in line.text
            break
        await stack.runtime.stop(begun, grace_seconds=0.0)
    handle = await stack.start(recipe, "postgres", host_port=port)
    await stack.healthy(recipe, handle)
    with connect(port) as connection:
        assert connection.execute("SHOW server_encoding").fetchone() == ("UTF8",)


async def test_redis_keeps_its_keys_over_a_stop_and_a_kill(
    stack: Stack, origin: str, port: int
) -> None:
    recipe = available(recipes.redis)
    command = recipe.probe[:-1] if recipe.probe else ()
    for turn, end in enumerate(("stop", "kill", "stop")):
        handle = await stack.start(recipe, "redis", host_port=port)
        await stack.healthy(recipe, handle)
        counted = await stack.runtime.execute(handle, (*command, "incr", "n"), timeout_seconds=5.0)
        assert counted.output.strip() == str(turn + 1)
        if end == "kill":
            await asyncio.sleep(1.1)  # it brings its file to the disk every second
        await stack.runtime.stop(handle, grace_seconds=10.0 if end == "stop" else 0.0)


async def test_the_services_of_a_stack_talk_by_name_and_others_cannot(
    stack: Stack, tmp_path: Path, port: int
) -> None:
    database, cache = postgres(), available(recipes.redis)
    project = tmp_path / "project"
    project.mkdir()
    (project / "main.py").write_text(_APPLICATION)
    workspace = Workspace(project, WorkspaceAccess.READ)
    backend = recipes.uvicorn("main:app", port=8000, directory="/workspace")
    other = free_port()
    handles = [
        await stack.start(database, "postgres"),
        await stack.start(cache, "redis"),
        await stack.start(backend, "backend", host_port=port, workspace=workspace),
        await stack.start(
            backend, "stranger", network="other", host_port=other, workspace=workspace
        ),
    ]
    await stack.healthy(database, handles[0])
    await stack.healthy(cache, handles[1])
    found = json.loads(await answer(f"http://127.0.0.1:{port}/"))
    assert found == {"postgres": "N", "redis": "+PONG\r\n"}
    async with web.async_client(timeout=5.0) as client:
        deadline = asyncio.get_running_loop().time() + 15
        while asyncio.get_running_loop().time() < deadline:
            try:
                refused = await client.get(f"http://127.0.0.1:{other}/")
            except httpx.HTTPError:
                await asyncio.sleep(0.05)
                continue
            break
    assert refused.status_code == 500
    assert "Name or service not known" in await stack.words(handles[3])


async def test_node_serves_from_the_projects_folder(
    stack: Stack, origin: str, tmp_path: Path, port: int
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "server.js").write_text(_SERVER_JS)
    recipe = available(lambda: recipes.node("server.js", "3000", port=3000, directory="/workspace"))
    workspace = Workspace(project, WorkspaceAccess.READ)
    await stack.start(recipe, "frontend", host_port=port, workspace=workspace)
    assert await answer(f"http://127.0.0.1:{port}/page") == "from node /page"


async def test_an_allow_list_is_each_services_own(stack: Stack) -> None:
    """Two services may each have one; neither can use the other's."""
    served = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        served.append(writer.get_extra_info("sockname")[1])
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
        writer.close()

    servers = [await asyncio.start_server(serve, "127.0.0.1", 0) for _ in range(2)]
    ports = [server.sockets[0].getsockname()[1] for server in servers]
    code = (
        "import sys, urllib.request, os\n"
        "os.environ['NO_PROXY'] = os.environ['no_proxy'] = ''\n"
        "for port in sys.argv[1:]:\n"
        "    try: print(urllib.request.urlopen(f'http://127.0.0.1:{port}', timeout=5).read())\n"
        "    except OSError as error: print('refused', error)\n"
    )
    base = recipes.attempt(
        Recipe(("python", "-c", code, *map(str, ports)), 80),
        attempt_id="allowed", network="allowed", names=("x",), limits=LIMITS,
    )  # fmt: skip
    assert base.service is not None
    for number, port in enumerate(ports):
        spec = replace(
            base,
            attempt_id=f"allowed-{number}",
            network=NetworkPolicy((f"127.0.0.1:{port}",)),
            service=replace(base.service, names=(f"s{number}",)),
        )
        stack.handles.append(await stack.runtime.start(spec))
    words = []
    for handle in stack.handles:
        await stack.runtime.wait(handle)
        lines = [line async for line in stack.runtime.logs(handle)]
        words.append([line.text for line in lines if line.stream is Stream.STDOUT])
    for server in servers:
        server.close()
    assert [[line.startswith("b'ok'") for line in said] for said in words] == [
        [True, False],
        [False, True],
    ], words
    assert sorted(served) == sorted(ports)
