import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedOK, InvalidStatus

from commandcenter.kit.database import Database
from commandcenter.logs.service import LogService
from tests.conftest import RunningHub
from tests.integration.logs.attempt_logs import finish, make_attempts, writer

_DEADLINE = 20.0


@pytest.fixture
async def data(domains: RunningHub) -> Path:
    await make_attempts(domains.services.get(Database))
    return domains.settings.data_directory


@asynccontextmanager
async def following(
    hub: RunningHub, path: str = "/api/v1/runs/run_1/steps/scan/logs/follow", **options: Any
) -> AsyncIterator[ClientConnection]:
    url = hub.url.replace("http://", "ws://") + path
    headers = {"Authorization": f"Bearer {hub.token}"}
    async with (
        asyncio.timeout(_DEADLINE),
        connect(url, additional_headers=headers, proxy=None, **options) as client,
    ):
        yield client


async def receive(client: ClientConnection, count: int) -> list[int]:
    """Return the numbers of the next `count` lines or more."""
    numbers: list[int] = []
    while len(numbers) < count:
        message = json.loads(await client.recv())
        assert message["type"] == "lines", message
        numbers += [line["number"] for line in message["lines"]]
    return numbers


async def test_lines_come_as_they_are_written_until_the_end(
    domains: RunningHub, data: Path
) -> None:
    log = writer(data)
    log.append("stdout", ["before"])
    async with following(domains) as client:
        assert await receive(client, 1) == [1]
        log.append("stdout", ["while"])
        log.append("stderr", ["while"])
        assert await receive(client, 2) == [2, 3]
        log.close()
        assert json.loads(await client.recv()) == {"type": "end", "attempt_id": "run_1.scan.1"}
        with pytest.raises(ConnectionClosedOK):
            await client.recv()


async def test_resume_after_a_number(domains: RunningHub, data: Path) -> None:
    log = writer(data)
    log.append("stdout", [f"line {number}" for number in range(20_000)])
    log.close()
    path = "/api/v1/runs/run_1/steps/scan/logs/follow?after=12345"
    async with following(domains, path) as client:
        assert await receive(client, 7655) == list(range(12346, 20_001))
        assert json.loads(await client.recv())["type"] == "end"


async def test_a_log_whose_writer_died_ends_with_its_attempt(
    domains: RunningHub, data: Path
) -> None:
    writer(data).append("stdout", ["last words"])
    async with following(domains) as client:
        assert await receive(client, 1) == [1]
        await finish(domains.services.get(Database))
        assert json.loads(await client.recv())["type"] == "end"


async def test_a_client_that_reads_nothing_holds_nobody_up(domains: RunningHub, data: Path) -> None:
    log = writer(data)
    async with following(domains, max_queue=1) as client:
        for _ in range(40):
            log.append("stdout", ["x" * 8000] * 20)
            await asyncio.sleep(0)
        # The hub goes on serving others, and the client gets all once it reads.
        answer = await domains.client.get("/api/v1/runs/run_1/steps/scan/logs?tail=1")
        assert json.loads(answer.text)["number"] == 800
        log.close()
        assert await receive(client, 800) == list(range(1, 801))
        assert json.loads(await client.recv())["type"] == "end"


async def test_a_client_that_goes_is_forgotten(domains: RunningHub, data: Path) -> None:
    writer(data).append("stdout", ["one"])
    service = domains.services.get(LogService)
    async with following(domains) as client:
        await receive(client, 1)
        assert service._followers == 1
    async with asyncio.timeout(_DEADLINE):
        while service._followers:  # it offers nothing to wait for
            await asyncio.sleep(0.01)


async def test_refusals_come_before_the_handshake(domains: RunningHub, data: Path) -> None:
    with pytest.raises(InvalidStatus) as unknown:
        async with following(domains, "/api/v1/runs/run_1/steps/none/logs/follow"):
            pass
    assert unknown.value.response.status_code == 404
    assert json.loads(unknown.value.response.body)["code"] == "log_not_found"
    with pytest.raises(InvalidStatus) as anonymous:
        async with connect(
            domains.url.replace("http", "ws", 1) + "/api/v1/runs/run_1/steps/scan/logs/follow",
            proxy=None,
        ):
            pass
    assert anonymous.value.response.status_code == 401
