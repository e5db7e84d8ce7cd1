from datetime import datetime

from pydantic import BaseModel, ConfigDict


class NotificationView(BaseModel):
    """A notice from a run. `body` is text an agent wrote: show it as text, never as markup."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    run_id: str
    node: str
    channel: str
    severity: str
    title: str
    body: str
    state: str
    created_at: datetime
