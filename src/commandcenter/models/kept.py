from datetime import datetime
from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from commandcenter.models.base import Base, Id


class KeptData(Base):
    """What a removed project's stack left on its hub's machine, for the same folder added again."""

    __tablename__ = "kept_data"

    project_id: Mapped[str] = mapped_column(Id, primary_key=True)  # the project's, when it is back
    name: Mapped[str] = mapped_column(String(64))
    path: Mapped[str] = mapped_column(String(4096))
    owner: Mapped[str] = mapped_column(String(128))
    runtime: Mapped[str] = mapped_column(String(32))  # on which it would have been started next
    kept_on: Mapped[list[str]]  # the runtimes that may have data of it
    numbers: Mapped[dict[str, Any]]  # of the last attempts, by service: ids are never used twice
    removed_at: Mapped[datetime]
