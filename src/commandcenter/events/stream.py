"""One WebSocket client of the event stream.

Nothing is queued per client: it reads from the bus's shared buffer, or from the database when it
fell behind. A client that does not take a message within the deadline is disconnected and may
come back with the last id it has seen.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable

from starlette.websockets import WebSocket, WebSocketDisconnect

from commandcenter.events.feed import Feed

HEARTBEAT_SECONDS = 15.0
SEND_SECONDS = 10.0
HEARTBEAT_TYPE = "stream.heartbeat"
CLOSE_SLOW = 4408
CLOSE_SIGNED_OUT = 4401


class SlowClientError(Exception):
    pass


class SignedOutError(Exception):
    pass


async def stream_events(
    websocket: WebSocket,
    feed: Feed,
    *,
    still_allowed: Callable[[], Awaitable[bool]],
    heartbeat_seconds: float = HEARTBEAT_SECONDS,
    send_seconds: float = SEND_SECONDS,
) -> None:
    """Send events until the client goes, is too slow, or may no longer read them."""
    receiver = asyncio.create_task(_until_gone(websocket))
    sender = asyncio.create_task(
        _send_all(
            websocket,
            feed,
            still_allowed=still_allowed,
            heartbeat_seconds=heartbeat_seconds,
            send_seconds=send_seconds,
        )
    )
    try:
        await asyncio.wait({receiver, sender}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (receiver, sender):
            task.cancel()
        await asyncio.gather(receiver, sender, return_exceptions=True)
    await _close(websocket, sender, send_seconds)


async def _close(websocket: WebSocket, sender: asyncio.Task[None], seconds: float) -> None:
    if sender.cancelled():
        return
    error = sender.exception()
    if isinstance(error, SlowClientError):
        code, reason = CLOSE_SLOW, "too slow: come back with after=<last id>"
    elif isinstance(error, SignedOutError):
        code, reason = CLOSE_SIGNED_OUT, "the token or session is no longer valid"
    elif error is None or isinstance(error, WebSocketDisconnect):
        return
    else:
        raise error
    try:
        async with asyncio.timeout(seconds):
            await websocket.close(code, reason)
    except (TimeoutError, WebSocketDisconnect, RuntimeError):
        return  # it is gone or takes nothing at all; the server cuts the connection


async def _until_gone(websocket: WebSocket) -> None:
    # What the client says is of no interest; reading is how its going away shows.
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass


async def _send_all(
    websocket: WebSocket,
    feed: Feed,
    *,
    still_allowed: Callable[[], Awaitable[bool]],
    heartbeat_seconds: float,
    send_seconds: float,
) -> None:
    bus = feed.store.bus
    with bus.waiter() as news:
        while True:
            news.clear()
            for event in await feed.next():
                await _send(websocket, event.text, send_seconds)
            if feed.is_behind:
                continue
            try:
                async with asyncio.timeout(heartbeat_seconds):
                    await news.wait()
            except TimeoutError:
                if not await still_allowed():
                    raise SignedOutError from None
                beat = {"type": HEARTBEAT_TYPE, "last_id": feed.position}
                await _send(websocket, json.dumps(beat), send_seconds)


async def _send(websocket: WebSocket, text: str, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await websocket.send_text(text)
    except TimeoutError:
        raise SlowClientError from None
