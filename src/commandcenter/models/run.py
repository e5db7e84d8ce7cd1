from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from commandcenter.models.base import Base, Id


class Run(Base):
    """One execution of a workflow version. `state` is a `runs.states.RunState`."""

    __tablename__ = "runs"
    __table_args__ = (
        Index("ix_runs_state_created_at", "state", "created_at"),
        Index("ix_runs_project_id_created_at", "project_id", "created_at"),
        Index("uq_runs_idempotency", "requested_by", "idempotency_key", unique=True),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    workflow_id: Mapped[str] = mapped_column(ForeignKey("workflows.id"))
    workflow_name: Mapped[str] = mapped_column(String(64), index=True)
    workflow_version: Mapped[int]
    project_id: Mapped[str | None] = mapped_column(ForeignKey("projects.id"))
    state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str | None] = mapped_column(String(32))
    message: Mapped[str] = mapped_column(Text, default="")
    inputs: Mapped[dict[str, Any]]
    trigger: Mapped[dict[str, Any]]
    agents: Mapped[dict[str, Any]]  # node -> id of the agent revision, pinned at the start
    runtime: Mapped[str] = mapped_column(String(32))
    requested_by: Mapped[str] = mapped_column(Id)
    idempotency_key: Mapped[str | None] = mapped_column(String(200))
    rerun_of: Mapped[str | None] = mapped_column(Id)
    overrides: Mapped[dict[str, Any]]  # node -> input values that stand over its `with`
    epoch: Mapped[int] = mapped_column(default=0)  # executions so far; the highest one may write
    executor_id: Mapped[str | None] = mapped_column(String(128))
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    deadline_at: Mapped[datetime]
    cancel_requested_at: Mapped[datetime | None]
