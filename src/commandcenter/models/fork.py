from datetime import datetime

from sqlalchemy import BigInteger, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from commandcenter.models.base import Base, Id


class StackFork(Base):
    """The copy of a project's stack: what was asked for, and what became of it.

    `phase` is a word of `stacks.fork_phases`. The row outlives a fork that was given up, for its
    reason.
    """

    __tablename__ = "stack_forks"

    project_id: Mapped[str] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(64), index=True)
    origin_id: Mapped[str] = mapped_column(Id)
    origin_name: Mapped[str] = mapped_column(String(64))
    phase: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(Text, default="")  # why it was given up
    owner: Mapped[str] = mapped_column(String(128))  # the hub on whose machine the copy is
    starts: Mapped[bool]
    max_pause_seconds: Mapped[float]
    pause_seconds: Mapped[float | None]  # how long the origin stood still
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)
    requested_by: Mapped[str] = mapped_column(Id)
    request: Mapped[str | None] = mapped_column(String(400))  # who, what, Idempotency-Key
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
