from datetime import datetime
from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from commandcenter.models.base import Base, BigIdentity, Id


class AuditEntry(Base):
    """Who did what, written in the same transaction; each entry carries the last one's hash."""

    __tablename__ = "audit_log"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(BigIdentity, primary_key=True, autoincrement=True)
    at: Mapped[datetime]
    principal_id: Mapped[str] = mapped_column(Id)
    principal_name: Mapped[str] = mapped_column(String(128))
    action: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(200))
    data: Mapped[dict[str, Any]]
    previous_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))
