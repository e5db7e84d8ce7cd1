"""The event log as a list, and live over a WebSocket that resumes from an id."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, WebSocket

from commandcenter.auth.authenticator import Authenticator
from commandcenter.auth.caller import Caller, require
from commandcenter.auth.permissions import Permission
from commandcenter.events.feed import Feed
from commandcenter.events.schemas import EventOut, EventPage
from commandcenter.events.store import EventStore
from commandcenter.events.stream import stream_events
from commandcenter.kit.errors import ProblemError
from commandcenter.kit.injection import provide

router = APIRouter(tags=["events"])

Reader = Annotated[Caller, Depends(require(Permission.EVENTS_READ))]
Store = Annotated[EventStore, Depends(provide(EventStore))]
RunId = Annotated[str | None, Query(max_length=64)]

_MAX_ID = 2**62
_MAX_EVENTS = 1000


@router.get("/events")
async def list_events(
    _: Reader,
    store: Store,
    after: Annotated[int, Query(ge=0, le=_MAX_ID)] = 0,
    run_id: RunId = None,
    limit: Annotated[int, Query(ge=1, le=_MAX_EVENTS)] = 100,
) -> EventPage:
    """List events with an id above `after`, the oldest first."""
    rows = await store.after(after, run_id=run_id, limit=limit + 1)
    items = [EventOut.model_validate(row) for row in rows[:limit]]
    return EventPage(
        items=items, last_id=items[-1].id if items else after, has_more=len(rows) > limit
    )


@router.websocket("/ws")
async def follow_events(
    websocket: WebSocket,
    _: Reader,
    store: Store,
    authenticator: Annotated[Authenticator, Depends(provide(Authenticator))],
    after: Annotated[int | None, Query(ge=0, le=_MAX_ID)] = None,
    run_id: RunId = None,
) -> None:
    """Send each event as one JSON text message, from `after` on; without it from now on."""

    async def still_allowed() -> bool:
        try:
            caller = await authenticator.authenticate(websocket)
        except ProblemError:
            return False
        return caller.may(Permission.EVENTS_READ)

    position = store.bus.last_id if after is None else after
    await websocket.accept()
    await stream_events(websocket, Feed(store, position, run_id), still_allowed=still_allowed)
