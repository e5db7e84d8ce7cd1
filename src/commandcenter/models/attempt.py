from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, false, text
from sqlalchemy.orm import Mapped, mapped_column

from commandcenter.models.base import Base


class Attempt(Base):
    """One try of a step. The id is `run.node.number`, so that a restart finds or fences it.

    A check (`is_check`) tries whether the step could be done, before people are asked about it. It
    is numbered apart, its id is `run.node.check-number`, and it is no part of the step's effect.
    """

    __tablename__ = "attempts"
    __table_args__ = (
        Index("ix_attempts_run_id_node", "run_id", "node"),
        # Those at work are few among all that ever were; health and metrics count them.
        Index(
            "ix_attempts_active",
            "run_id",
            sqlite_where=text("finished_at IS NULL"),
            postgresql_where=text("finished_at IS NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(String(160), primary_key=True)
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id"))
    node: Mapped[str] = mapped_column(String(64))
    number: Mapped[int]
    state: Mapped[str] = mapped_column(String(16))  # running, succeeded, failed, cancelled
    reason: Mapped[str | None] = mapped_column(String(32))
    message: Mapped[str] = mapped_column(Text, default="")
    exit_code: Mapped[int | None]
    runtime: Mapped[str] = mapped_column(String(32))
    handle: Mapped[dict[str, Any] | None]
    is_check: Mapped[bool] = mapped_column(default=False, server_default=false())
    effect_hash: Mapped[str | None] = mapped_column(String(64))  # what a check is about
    report: Mapped[dict[str, Any] | None]  # what a check came to, an `approvals.check.CheckReport`
    agent_id: Mapped[str] = mapped_column(ForeignKey("agents.id"))
    limits: Mapped[dict[str, Any] | None]  # asked for and read back
    cpu_seconds: Mapped[float | None]
    memory_peak_bytes: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
