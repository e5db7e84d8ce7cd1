from datetime import datetime
from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from commandcenter.models.base import Base, BigIdentity, Id


class Event(Base):
    """One change, in the order in which it became visible. Clients resume from `id`."""

    __tablename__ = "events"
    # Without it SQLite hands out the id of a pruned last row again.
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(BigIdentity, primary_key=True, autoincrement=True)
    at: Mapped[datetime]
    type: Mapped[str] = mapped_column(String(64))
    run_id: Mapped[str | None] = mapped_column(Id, index=True)
    project_id: Mapped[str | None] = mapped_column(Id)
    subject: Mapped[str] = mapped_column(String(200))
    data: Mapped[dict[str, Any]]
