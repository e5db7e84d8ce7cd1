from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict


class EventOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    at: datetime
    type: str
    run_id: str | None
    project_id: str | None
    subject: str
    data: dict[str, Any]


class EventPage(BaseModel):
    """`last_id` is what to pass as `after` next, and where a WebSocket may go on from."""

    items: list[EventOut]
    last_id: int
    has_more: bool
