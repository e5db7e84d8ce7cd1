from datetime import datetime
from typing import Any

from sqlalchemy import String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from commandcenter.models.base import Base, Id


class Agent(Base):
    """One revision of an agent: name, version and digest of its content never change."""

    __tablename__ = "agents"
    __table_args__ = (UniqueConstraint("name", "revision"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(64), index=True)
    revision: Mapped[int]  # counts up per name; the highest is the current one
    version: Mapped[str] = mapped_column(String(64))
    digest: Mapped[str] = mapped_column(String(64))
    manifest: Mapped[dict[str, Any]]
    registered_at: Mapped[datetime]
    registered_by: Mapped[str] = mapped_column(Id)
    retired_at: Mapped[datetime | None]
