"""Starting and stopping: as a process of its own, with real signals."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from commandcenter.hub.errors import PortInUseError, RemoteAccessNotAllowedError
from commandcenter.hub.lock import DataDirectoryInUseError, DataDirectoryLock
from commandcenter.hub.server import HubServer
from commandcenter.hub.settings import Settings
from commandcenter.kit.draining import Draining
from tests import web
from tests.conftest import RunningHub, running_hub

_SECONDS = 30.0
_PROGRAM = """
from commandcenter.hub.server import run
from commandcenter.hub.settings import Settings
run(Settings(), on_ready=lambda ready: print(ready.url, flush=True))
"""


@asynccontextmanager
async def _process(data: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(data.parent),
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "COMMANDCENTER_DATA_DIRECTORY": str(data),
        "COMMANDCENTER_PORT": "0",
        "COMMANDCENTER_RUNTIME": "fake",
        "COMMANDCENTER_DRAIN_SECONDS": "2",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _PROGRAM, env=environment, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(_SECONDS):
            url = (await process.stdout.readline()).decode().strip()
        yield process, url
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_signal_ends_it_in_order(tmp_path: Path, number: signal.Signals) -> None:
    async with _process(tmp_path / "data") as (process, url):
        async with web.async_client(url=url) as client:
            health = await client.get("/health")
        process.send_signal(number)
        async with asyncio.timeout(_SECONDS):
            code = await process.wait()

    assert health.json()["status"] == "ok"
    assert code == 0


async def test_starts_again_after_kill(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with _process(data) as (process, _):
        token = (data / "cli-token").read_text()
        process.kill()
        await process.wait()
    async with _process(data) as (_, url), web.async_client(url=url) as client:
        me = await client.get("/api/v1/me", headers={"Authorization": f"Bearer {token.strip()}"})

    assert me.json()["name"] == "admin"


async def test_second_hub_on_the_same_data_is_refused(sqlite_hub: RunningHub) -> None:
    with pytest.raises(DataDirectoryInUseError, match=sqlite_hub.url):
        HubServer(sqlite_hub.settings, on_ready=lambda _: None)


async def test_taken_port_is_named_before_anything_is_made(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        settings = Settings(data_directory=tmp_path / "data", port=port)
        with pytest.raises(PortInUseError) as refused:
            HubServer(settings, on_ready=lambda _: None)

    assert str(port) in refused.value.detail
    assert "COMMANDCENTER_PORT" in str(refused.value.hint)
    assert "--port" in str(refused.value.hint)
    assert not (tmp_path / "data").exists()
    # The lock was let go of: another port works.
    async with running_hub(settings.model_copy(update={"port": 0, "runtime": "fake"})):
        pass


async def test_taken_port_lets_go_of_a_directory_that_was_there(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = Settings(data_directory=tmp_path, port=taken.getsockname()[1])
        with pytest.raises(PortInUseError):
            HubServer(settings, on_ready=lambda _: None)

    DataDirectoryLock(tmp_path).release()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "hub.example.org"])  # noqa: S104  # refused
def test_reachable_from_elsewhere_only_when_said_so(tmp_path: Path, host: str) -> None:
    settings = Settings(data_directory=tmp_path / "data", port=0, host=host)

    with pytest.raises(RemoteAccessNotAllowedError) as refused:
        HubServer(settings, on_ready=lambda _: None)

    assert "COMMANDCENTER_ALLOW_REMOTE_ACCESS" in str(refused.value.hint)


async def test_it_serves_while_it_drains(tmp_path: Path) -> None:
    settings = Settings(
        data_directory=tmp_path / "data", port=0, runtime="fake", drain_seconds=_SECONDS
    )
    waiting, done = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        waiting.set()
        await done.wait()

    async with running_hub(settings) as hub:
        draining = hub.services.get(Draining)
        draining.add(work)
        hub.server.stop()
        async with asyncio.timeout(_SECONDS):
            await waiting.wait()
        during = await hub.client.get("/health")
        runs = [
            await hub.client.post(path, json=body)
            for path, body in (
                ("/api/v1/runs", {"workflow": "scan"}),
                ("/api/v1/workflows/scan/trigger", {}),
                ("/api/v1/runs/run_0/rerun", {}),
            )
        ]
        done.set()

    assert during.status_code == 200
    assert {(run.status_code, run.json()["code"]) for run in runs} == {(503, "stopping")}


async def test_it_does_not_drain_for_ever(tmp_path: Path) -> None:
    settings = Settings(data_directory=tmp_path / "data", port=0, runtime="fake", drain_seconds=0.2)
    never = asyncio.Event()

    async def work() -> None:
        await never.wait()

    async with asyncio.timeout(_SECONDS), running_hub(settings) as hub:
        hub.services.get(Draining).add(work)


async def test_error_of_the_start_reaches_the_caller(tmp_path: Path) -> None:
    settings = Settings(
        data_directory=tmp_path / "data",
        port=0,
        database_url="postgresql://nobody@127.0.0.1:1/none",
    )
    server = HubServer(settings, on_ready=lambda _: None)

    with pytest.raises(Exception, match="onnection"):
        await server.serve()

    HubServer(settings, on_ready=lambda _: None).close()  # lock and port are free again


@pytest.mark.parametrize("times", [1, 2], ids=["once", "twice"])
async def test_a_stop_while_it_starts_is_not_lost(tmp_path: Path, times: int) -> None:
    settings = Settings(data_directory=tmp_path / "data", port=0, runtime="fake")
    announced: list[object] = []
    server = HubServer(settings, on_ready=announced.append)
    serving = asyncio.create_task(server.serve())
    await asyncio.sleep(0)
    for _ in range(times):
        server.stop()
    async with asyncio.timeout(_SECONDS):
        await serving

    assert not announced
    HubServer(settings, on_ready=lambda _: None).close()  # lock and port are free again
