"""Stacks as the API tells of them. Nothing of a service's environment is ever in it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from commandcenter.stacks.bounds import (
    LAST_PORT,
    LEAST_CPUS,
    LEAST_MEMORY_BYTES,
    MOST_CPUS,
    MOST_MEMORY_BYTES,
)
from commandcenter.stacks.states import ServiceState, StackState
from commandcenter.stacks.status_model import StackStatus


class _View(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class PortView(_View):
    """`pending`: the port of the host from the next start on; null: the same."""

    host_port: int
    service_port: int
    protocol: str
    address: str
    pending: int | None


class LimitView(_View):
    """Asked for; as read back (null: not enforced, or not running); used now.

    `pending` is asked for from the next start on (null: the same). Where nothing runs, `asked` is
    that already.
    """

    asked: float | None
    actual: float | None
    used: float | None
    pending: float | None


class AmountView(_View):
    """The same, of what is counted."""

    asked: int | None
    actual: int | None
    used: int | None
    pending: int | None


class ExceptedView(_View):
    what: str
    why: str


class HardeningView(_View):
    """Beyond what the definition says: what was added, and what had to be left."""

    added: list[str]
    excepted: list[ExceptedView]


class ServiceView(_View):
    name: str
    state: ServiceState
    healthy: bool
    health_words: str  # of the last probe
    health_at: datetime | None
    message: str
    progress: str  # what is done before its process runs: an image is pulled
    runs_as: str  # which image, or what is run in its place
    restarts: int
    attempt: int
    exit_code: int | None
    started_at: datetime | None
    ports: list[PortView]
    cpus: LimitView
    memory_bytes: AmountView
    pids: AmountView
    hardening: HardeningView


class StackView(_View):
    project_id: str
    project: str
    state: StackState
    reason: str
    overall_healthy: bool
    checked_at: datetime
    last_started_at: datetime | None
    last_stopped_at: datetime | None
    runtime: str | None  # on which it was started last
    next_runtime: str  # on which the next start will be
    source: dict[str, Any]
    problems: list[dict[str, Any]]  # one by one what stands against a start
    accept_unenforced: list[str]  # limits that the project may run without
    is_copied: bool  # a fork whose copy is not complete: nothing of it runs before
    services: list[ServiceView]

    @classmethod
    def of(cls, status: StackStatus) -> "StackView":
        return cls(
            project_id=status.project.id,
            project=status.project.name,
            state=status.state,
            reason=status.reason,
            overall_healthy=status.overall_healthy,
            checked_at=status.checked_at,
            last_started_at=status.last_started_at,
            last_stopped_at=status.last_stopped_at,
            runtime=status.runtime,
            next_runtime=status.next_runtime,
            source=dict(status.source),
            problems=[dict(each) for each in status.problems],
            accept_unenforced=list(status.accept_unenforced),
            is_copied=status.is_copied,
            services=[ServiceView.model_validate(each) for each in status.services],
        )


class StackAnswer(StackView):
    changed: bool  # False: it was so already, or the same request came before

    @classmethod
    def after(cls, status: StackStatus, *, changed: bool) -> "StackAnswer":
        return cls(changed=changed, **StackView.of(status).model_dump())


class StackChanged(StackView):
    warnings: list[str]  # what is done, and may not be what was meant

    @classmethod
    def after_change(cls, status: StackStatus, warnings: Sequence[str]) -> "StackChanged":
        return cls(warnings=list(warnings), **StackView.of(status).model_dump())


class LimitsIn(BaseModel):
    """Null takes the wish back: the definition's own limit, or the default, holds again."""

    model_config = ConfigDict(extra="forbid")

    cpus: Annotated[float, Field(ge=LEAST_CPUS, le=MOST_CPUS)] | None = None
    memory_bytes: Annotated[int, Field(ge=LEAST_MEMORY_BYTES, le=MOST_MEMORY_BYTES)] | None = None
    pids: Annotated[int, Field(ge=8, le=100_000)] | None = None


class StackChange(BaseModel):
    """People's own wishes; they hold from the next start on."""

    model_config = ConfigDict(extra="forbid")

    runtime: Annotated[str, Field(max_length=32)] | None = None  # null: the hub's

    limits: dict[str, LimitsIn] = Field(default_factory=dict, max_length=200)
    # by the service's own port; null: the definition's, or any
    ports: dict[str, dict[int, Annotated[int, Field(ge=1, le=LAST_PORT)] | None]] = Field(
        default_factory=dict, max_length=200
    )
    # Limits that the project may run without where they cannot be enforced; [] takes it back.
    accept_unenforced: list[Literal["cpu", "memory", "pids"]] | None = None
