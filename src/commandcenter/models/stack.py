from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from commandcenter.models.base import Base, Id


class ProjectStack(Base):
    """The stack of a project. `desired` and `state` are words of `stacks.states`.

    `epoch` counts what people asked for; only the supervisor of the newest may write. The
    definition that runs is sealed like a secret, since it holds the services' environment.
    """

    __tablename__ = "stacks"

    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"), primary_key=True)
    desired: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(Text, default="")
    epoch: Mapped[int]
    owner: Mapped[str] = mapped_column(String(128))  # the hub on whose machine it runs
    runtime: Mapped[str] = mapped_column(String(32))  # on which it was started last
    source: Mapped[dict[str, Any]]  # which files, what was passed over and why
    wishes: Mapped[dict[str, Any]]  # people's own limits, ports and runtime
    kept_on: Mapped[list[str]] = mapped_column(default=list)  # runtimes with data of it
    definition_key: Mapped[str | None] = mapped_column(String(32))
    definition_nonce: Mapped[bytes | None] = mapped_column(LargeBinary)
    definition: Mapped[bytes | None] = mapped_column(LargeBinary)
    requested_by: Mapped[str | None] = mapped_column(Id)
    last_request: Mapped[str | None] = mapped_column(String(400))  # who, what, Idempotency-Key
    last_started_at: Mapped[datetime | None]
    last_stopped_at: Mapped[datetime | None]
    changed_at: Mapped[datetime]


class StackService(Base):
    """One service. `number` counts its attempts, whose ids are `project.service.number`."""

    __tablename__ = "stack_services"

    project_id: Mapped[str] = mapped_column(
        ForeignKey("stacks.project_id", ondelete="CASCADE"), primary_key=True
    )
    name: Mapped[str] = mapped_column(String(128), primary_key=True)
    position: Mapped[int]
    is_defined: Mapped[bool]  # False: of an earlier definition, kept for its logs and number
    state: Mapped[str] = mapped_column(String(16))
    message: Mapped[str] = mapped_column(Text, default="")
    number: Mapped[int] = mapped_column(default=0)
    handle: Mapped[dict[str, Any] | None]
    was_healthy: Mapped[bool] = mapped_column(default=False)
    failures: Mapped[int] = mapped_column(default=0)
    restarts: Mapped[int] = mapped_column(default=0)
    exit_code: Mapped[int | None]
    health_words: Mapped[str] = mapped_column(Text, default="")
    health_at: Mapped[datetime | None]
    runs_as: Mapped[str] = mapped_column(Text, default="")  # which image, or program in its place
    image: Mapped[dict[str, Any] | None]  # what was found in it: what is restarted runs the same
    hardening: Mapped[dict[str, Any] | None]
    limits: Mapped[dict[str, Any] | None]  # asked for and read back
    started_at: Mapped[datetime | None]
    changed_at: Mapped[datetime]


class StackPort(Base):
    """A port of the host, given to one service of one project for as long as it has a stack."""

    __tablename__ = "stack_ports"
    __table_args__ = (Index("ix_stack_ports_project_id", "project_id"),)

    owner: Mapped[str] = mapped_column(String(128), primary_key=True)
    protocol: Mapped[str] = mapped_column(String(3), primary_key=True)
    host_port: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    project_id: Mapped[str] = mapped_column(
        ForeignKey("stacks.project_id", ondelete="CASCADE"),
    )
    service: Mapped[str] = mapped_column(String(128))
    container_port: Mapped[int]
    is_automatic: Mapped[bool]
