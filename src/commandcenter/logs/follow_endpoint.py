"""Following a log over a WebSocket, bounded in memory and in patience."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Annotated

from fastapi import APIRouter, Query, WebSocket, WebSocketDisconnect, status

from commandcenter.kit.segments import Record
from commandcenter.logs.endpoints import Reader, Service
from commandcenter.logs.errors import TooManyFollowersError
from commandcenter.logs.schemas import LogEnd, lines_message

router = APIRouter(tags=["logs"])

_SEND_SECONDS = 30.0


@router.websocket("/runs/{run_id}/steps/{node}/logs/follow")
async def follow_log(
    websocket: WebSocket,
    run_id: str,
    node: str,
    _caller: Reader,
    service: Service,
    *,
    attempt: Annotated[int | None, Query(ge=1)] = None,
    check: bool = False,
    after: Annotated[int, Query(ge=0)] = 0,
) -> None:
    """Send lines above `after`, now and as they come, then an `end` message."""
    log = await service.open(run_id, node, attempt, check=check)
    await send_following(websocket, service.follow(log, after), log.attempt_id)


async def send_following(
    websocket: WebSocket, batches: AsyncGenerator[list[Record], None], attempt_id: str
) -> None:
    """Accept, send all batches and the end, and close; also as soon as the client is gone."""
    await websocket.accept()
    sender = asyncio.create_task(_send_all(websocket, batches, attempt_id))
    # Without listening, a client that went away would be noticed at the next line only.
    listener = asyncio.create_task(_until_gone(websocket))
    try:
        await asyncio.wait((sender, listener), return_when=asyncio.FIRST_COMPLETED)
        if sender.done():
            await _say_goodbye(websocket, sender)
    finally:
        for task in (sender, listener):
            task.cancel()
        await asyncio.gather(sender, listener, return_exceptions=True)


async def _send_all(
    websocket: WebSocket, following: AsyncGenerator[list[Record], None], attempt_id: str
) -> None:
    async with aclosing(following) as batches:
        async for batch in batches:
            await _send(websocket, lines_message(batch))
    await _send(websocket, LogEnd(attempt_id=attempt_id).model_dump_json())


async def _send(websocket: WebSocket, message: str) -> None:
    # A client that takes nothing for this long can come back with ?after=.
    async with asyncio.timeout(_SEND_SECONDS):
        await websocket.send_text(message)


async def _until_gone(websocket: WebSocket) -> None:
    with suppress(WebSocketDisconnect):
        while True:
            await websocket.receive_text()


async def _say_goodbye(websocket: WebSocket, sender: "asyncio.Task[None]") -> None:
    code, reason = status.WS_1000_NORMAL_CLOSURE, ""
    match sender.exception():
        case None:
            pass
        case TimeoutError():
            code, reason = status.WS_1008_POLICY_VIOLATION, "too slow: resume with ?after="
        case TooManyFollowersError() as error:
            code, reason = status.WS_1013_TRY_AGAIN_LATER, error.detail
        case WebSocketDisconnect():
            return
        case error:
            await _close(websocket, status.WS_1011_INTERNAL_ERROR, "")
            raise error
    await _close(websocket, code, reason)


async def _close(websocket: WebSocket, code: int, reason: str) -> None:
    with suppress(RuntimeError, WebSocketDisconnect, TimeoutError):
        async with asyncio.timeout(_SEND_SECONDS):
            await websocket.close(code, reason)
