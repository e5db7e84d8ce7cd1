from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from commandcenter.models.base import Base, Id


class Artifact(Base):
    """A file that an attempt left; the content is stored once under its SHA-256."""

    __tablename__ = "artifacts"
    __table_args__ = (
        UniqueConstraint("attempt_id", "name"),
        Index("ix_artifacts_run_id_node", "run_id", "node"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id"))
    node: Mapped[str] = mapped_column(String(64))
    attempt_id: Mapped[str] = mapped_column(String(160))
    name: Mapped[str] = mapped_column(String(512))
    media_type: Mapped[str] = mapped_column(String(128))
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
