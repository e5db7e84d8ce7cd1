"""Events over the WebSocket: in order, none lost, from any id on."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import delete, make_url
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from commandcenter.events.bus import EventBus
from commandcenter.events.store import EventStore
from commandcenter.events.types import EventType
from commandcenter.kit.database import Database
from commandcenter.models import Event
from tests.conftest import RunningHub
from tests.postgres import PostgresServer

_SECONDS = 15.0


@asynccontextmanager
async def _follow(hub: RunningHub, query: str = "") -> AsyncIterator[ClientConnection]:
    url = hub.url.replace("http", "ws", 1) + f"/api/v1/ws{query}"
    headers = {"Authorization": f"Bearer {hub.token}"}
    async with connect(url, additional_headers=headers) as client:
        yield client


async def _store(hub: RunningHub, count: int, *, run_id: str | None = None) -> None:
    database, events = hub.services.get(Database), hub.services.get(EventStore)
    for number in range(count):
        async with database.write() as session:
            await events.append(
                session,
                EventType.RUN_STARTED,
                subject=f"subject-{number}",
                run_id=run_id,
                data={"number": number},
            )


async def _now(hub: RunningHub) -> int:
    """The id up to which the hub's own start has told of agents and the like."""
    return await hub.services.get(EventStore).last_id()


async def _receive(client: ClientConnection, count: int) -> list[dict[str, Any]]:
    received: list[dict[str, Any]] = []
    try:
        async with asyncio.timeout(_SECONDS):
            while len(received) < count:
                message = json.loads(await client.recv())
                if message["type"] != "stream.heartbeat":
                    received.append(message)
    except TimeoutError:
        pytest.fail(f"{len(received)} of {count} events came; the last was {received[-1:]}")
    return received


async def _until_passed_on(hub: RunningHub, event_id: int) -> None:
    """Wait until followers are sent what comes after that event."""
    bus = hub.services.get(EventBus)
    async with asyncio.timeout(_SECONDS):
        with bus.waiter() as news:
            while bus.last_id < event_id:
                await news.wait()
                news.clear()


async def test_live_events_arrive_in_order(hub: RunningHub) -> None:
    await _until_passed_on(hub, await _now(hub))
    async with _follow(hub) as client:
        await _store(hub, 20)
        received = await _receive(client, 20)

    assert [event["data"]["number"] for event in received] == list(range(20))
    assert [event["id"] for event in received] == sorted(event["id"] for event in received)


async def test_resumes_from_an_id_without_gap_or_repeat(hub: RunningHub) -> None:
    async with _follow(hub, f"?after={await _now(hub)}") as client:
        await _store(hub, 5)
        first = await _receive(client, 5)
    await _store(hub, 7)

    async with _follow(hub, f"?after={first[-1]['id']}") as client:
        await _store(hub, 3)
        second = await _receive(client, 10)

    assert [event["data"]["number"] for event in second] == [*range(7), *range(3)]
    assert first[-1]["id"] < second[0]["id"]


async def test_reads_from_the_database_what_the_buffer_no_longer_has(hub: RunningHub) -> None:
    start = await _now(hub)
    await _store(hub, 30)
    await _until_passed_on(hub, start + 30)
    hub.services.get(EventBus)._buffer.clear()

    async with _follow(hub, f"?after={start + 10}") as client:
        old = await _receive(client, 20)
        await _store(hub, 1)
        new = await _receive(client, 1)

    assert [event["id"] for event in old] == list(range(start + 11, start + 31))
    assert new[0]["id"] == start + 31


async def test_one_run_alone(hub: RunningHub) -> None:
    async with _follow(hub, "?after=0&run_id=run_b") as client:
        await _store(hub, 3, run_id="run_a")
        await _store(hub, 2, run_id="run_b")
        received = await _receive(client, 2)
    listed = await hub.client.get("/api/v1/events", params={"run_id": "run_b"})

    assert {event["run_id"] for event in received} == {"run_b"}
    assert [event["id"] for event in listed.json()["items"]] == [e["id"] for e in received]


async def test_list_is_paged(hub: RunningHub) -> None:
    start = await _now(hub)
    await _store(hub, 5)

    first = (await hub.client.get("/api/v1/events", params={"limit": 3, "after": start})).json()
    rest = (
        await hub.client.get("/api/v1/events", params={"limit": 3, "after": first["last_id"]})
    ).json()

    assert [event["data"]["number"] for event in first["items"]] == [0, 1, 2]
    assert first["has_more"]
    assert [event["data"]["number"] for event in rest["items"]] == [3, 4]
    assert not rest["has_more"]


async def test_nothing_is_told_of_what_was_rolled_back(hub: RunningHub) -> None:
    database, events = hub.services.get(Database), hub.services.get(EventStore)

    async def store_and_fail() -> None:
        async with database.write() as session:
            await events.append(session, EventType.RUN_CREATED, subject="undone")
            raise RuntimeError("undo")

    async with _follow(hub, f"?after={await _now(hub)}") as client:
        with pytest.raises(RuntimeError, match="undo"):
            await store_and_fail()
        await _store(hub, 1)
        received = await _receive(client, 1)

    assert received[0]["subject"] == "subject-0"


async def test_concurrent_writers_lose_no_event(hub: RunningHub) -> None:
    async with _follow(hub, f"?after={await _now(hub)}") as client:
        await asyncio.gather(*(_store(hub, 10) for _ in range(8)))
        received = await _receive(client, 80)

    ids = [event["id"] for event in received]
    assert ids == sorted(set(ids))


async def test_handshake_is_refused_without_rights_or_from_other_sites(hub: RunningHub) -> None:
    url = hub.url.replace("http", "ws", 1) + "/api/v1/ws"
    statuses = []
    for headers in (
        {},
        {"Authorization": "Bearer cc_00000000_unknown"},
        {"Cookie": f"commandcenter_session={hub.token}"},
        {"Origin": "https://evil.example", "Cookie": "commandcenter_session=x"},
    ):
        with pytest.raises(InvalidStatus) as refused:
            async with connect(url, additional_headers=headers):
                pass
        statuses.append(refused.value.response.status_code)
    with pytest.raises(InvalidStatus) as in_url:
        async with connect(f"{url}?token={hub.token}"):
            pass

    assert statuses == [401, 401, 401, 403]
    assert in_url.value.response.status_code == 401


async def test_stream_ends_when_the_hub_stops(hub: RunningHub) -> None:
    async with _follow(hub) as client:
        hub.server.stop()
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(_until_closed(client), _SECONDS)

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012


async def _until_closed(client: ClientConnection) -> None:
    while True:
        await client.recv()


@pytest.mark.postgres
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_events_of_a_broken_connection_are_caught_up(
    hub: RunningHub, postgres_server: PostgresServer
) -> None:
    name = make_url(hub.services.get(Database).url).database
    assert name is not None
    async with _follow(hub, f"?after={await _now(hub)}") as client:
        await _store(hub, 1)
        await _receive(client, 1)
        postgres_server.terminate_listeners(name)
        await _store(hub, 10)
        received = await _receive(client, 10)

    assert [event["data"]["number"] for event in received] == list(range(10))


async def test_ids_are_not_given_again_after_pruning(hub: RunningHub) -> None:
    start = await _now(hub)
    await _store(hub, 3)
    async with hub.services.get(Database).write() as session:
        await session.execute(delete(Event))
    async with _follow(hub, f"?after={start + 3}") as client:
        await _store(hub, 1)
        received = await _receive(client, 1)

    assert received[0]["id"] == start + 4
