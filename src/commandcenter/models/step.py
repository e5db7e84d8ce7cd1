from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from commandcenter.models.base import Base, Id


class Step(Base):
    """A node's execution within a run. `state` is an `engine.scheduling.StepState`."""

    __tablename__ = "steps"

    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id"), primary_key=True)
    node: Mapped[str] = mapped_column(String(64), primary_key=True)
    position: Mapped[int]
    state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str | None] = mapped_column(String(32))
    message: Mapped[str] = mapped_column(Text, default="")
    inputs: Mapped[dict[str, Any] | None]  # resolved
    outputs: Mapped[dict[str, Any] | None]
    attempt_count: Mapped[int] = mapped_column(default=0)
    retry_at: Mapped[datetime | None]
    approval_id: Mapped[str | None] = mapped_column(Id)
    reused_from: Mapped[str | None] = mapped_column(Id)  # run whose recorded result stands here
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
