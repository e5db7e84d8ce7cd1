from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from commandcenter.models.base import Base, Id


class Approval(Base):
    """A question to people about exactly one effect, bound to it by `effect_hash`."""

    __tablename__ = "approvals"
    __table_args__ = (Index("ix_approvals_state_created_at", "state", "created_at"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id"), index=True)
    node: Mapped[str] = mapped_column(String(64))
    project_id: Mapped[str | None] = mapped_column(Id)
    state: Mapped[str] = mapped_column(String(16))
    effect: Mapped[dict[str, Any]]
    effect_hash: Mapped[str] = mapped_column(String(64))
    groups: Mapped[list[str]]
    quorum: Mapped[int]
    allow_self: Mapped[bool]
    requested_by: Mapped[str] = mapped_column(Id)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]


class ApprovalDecision(Base):
    """One person's answer. A person answers an approval once."""

    __tablename__ = "approval_decisions"
    __table_args__ = (UniqueConstraint("approval_id", "principal_id"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    approval_id: Mapped[str] = mapped_column(ForeignKey("approvals.id"))
    principal_id: Mapped[str] = mapped_column(Id)
    principal_name: Mapped[str] = mapped_column(String(128))
    decision: Mapped[str] = mapped_column(String(16))  # approve, reject
    comment: Mapped[str] = mapped_column(Text, default="")
    decided_at: Mapped[datetime]
