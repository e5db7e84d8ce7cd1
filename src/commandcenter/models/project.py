from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from commandcenter.models.base import Base, Id


class Project(Base):
    """A folder that is worked on. Forks share the folder of the project they were made of."""

    __tablename__ = "projects"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    path: Mapped[str] = mapped_column(String(4096))
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(Id)
    forked_from: Mapped[str | None] = mapped_column(Id)  # its id and name, which may be gone by now
    forked_from_name: Mapped[str | None] = mapped_column(String(64))
    forked_at: Mapped[datetime | None]
