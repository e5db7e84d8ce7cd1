"""A client that stops reading costs bounded memory and is let go of."""

import asyncio
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import uvicorn
from fastapi import FastAPI, WebSocket

from commandcenter.events.bus import EventBus, StoredEvent
from commandcenter.events.feed import Feed
from commandcenter.events.store import EventStore
from commandcenter.events.stream import stream_events
from commandcenter.kit.database import Database

_SECONDS = 20.0
_HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


@pytest.fixture
async def listener() -> AsyncIterator[socket.socket]:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        found.listen()
        found.setblocking(False)
        yield found


async def test_slow_client_is_disconnected(database: Database, listener: socket.socket) -> None:
    bus = EventBus()
    ended = asyncio.Event()
    app = FastAPI()

    async def always() -> bool:
        return True

    @app.websocket("/ws")
    async def follow(websocket: WebSocket) -> None:
        await websocket.accept()
        feed = Feed(EventStore(database, bus), 0)
        await stream_events(websocket, feed, still_allowed=always, send_seconds=0.3)
        ended.set()

    config = uvicorn.Config(app, ws="websockets-sansio", log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve([listener]))
    reader, writer = await asyncio.open_connection(*listener.getsockname(), limit=1024)
    try:
        writer.write(_HANDSHAKE)
        assert b"101" in await reader.readline()
        for number in range(1, 2000):
            data = {"filling": "x" * 20_000}
            now = datetime.now(UTC)
            bus.publish(StoredEvent(number, now, "test", None, None, "subject", data))
        async with asyncio.timeout(_SECONDS):
            await ended.wait()  # and nobody has read a thing
    finally:
        writer.transport.abort()
        server.should_exit = True
        async with asyncio.timeout(_SECONDS):
            await serving

    assert bus._waiters == set()


async def test_signed_out_client_is_disconnected(
    database: Database, listener: socket.socket
) -> None:
    from websockets.asyncio.client import connect  # noqa: PLC0415
    from websockets.exceptions import ConnectionClosed  # noqa: PLC0415

    app = FastAPI()
    allowed = [True, False]

    async def still_allowed() -> bool:
        return allowed.pop(0)

    @app.websocket("/ws")
    async def follow(websocket: WebSocket) -> None:
        await websocket.accept()
        feed = Feed(EventStore(database, EventBus()), 0)
        await stream_events(websocket, feed, still_allowed=still_allowed, heartbeat_seconds=0.05)

    config = uvicorn.Config(app, ws="websockets-sansio", log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve([listener]))
    host, port = listener.getsockname()
    try:
        async with connect(f"ws://{host}:{port}/ws") as client:
            beat = await asyncio.wait_for(client.recv(), _SECONDS)
            with pytest.raises(ConnectionClosed) as closed:
                await asyncio.wait_for(client.recv(), _SECONDS)
    finally:
        server.should_exit = True
        async with asyncio.timeout(_SECONDS):
            await serving

    assert b"heartbeat" in (beat if isinstance(beat, bytes) else beat.encode())
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4401
