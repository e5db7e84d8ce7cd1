"""The answer about a stack and its services, as `stacks.status` puts it together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from commandcenter.models import Project
from commandcenter.stacks.hardening import Hardening
from commandcenter.stacks.states import ServiceState, StackState


@dataclass(frozen=True, slots=True)
class PortStatus:
    host_port: int
    service_port: int
    protocol: str
    address: str  # a link where a browser can open it
    pending: int | None  # the port of the host from the next start on; None: the same


@dataclass(frozen=True, slots=True)
class LimitStatus:
    """Asked for, as the kernel has it (None: not enforced here), used now (None: not running).

    `pending` is asked for from the next start on; None: the same. Of a stack that does not run,
    `asked` is that already.
    """

    asked: float | None
    actual: float | None = None
    used: float | None = None
    pending: float | None = None


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    name: str
    state: ServiceState
    healthy: bool
    health_words: str
    health_at: datetime | None
    message: str
    progress: str
    runs_as: str
    restarts: int
    attempt: int
    exit_code: int | None
    started_at: datetime | None
    ports: tuple[PortStatus, ...]
    cpus: LimitStatus
    memory_bytes: LimitStatus
    pids: LimitStatus
    hardening: Hardening


@dataclass(frozen=True, slots=True)
class StackStatus:
    project: Project
    state: StackState
    reason: str
    overall_healthy: bool
    checked_at: datetime
    last_started_at: datetime | None
    last_stopped_at: datetime | None
    runtime: str | None
    next_runtime: str
    source: Mapping[str, Any]
    problems: Sequence[Mapping[str, Any]]  # one by one what stands against a start
    accept_unenforced: tuple[str, ...]
    services: tuple[ServiceStatus, ...]
    is_copied: bool = False  # a fork whose copy is not complete

    def to_be_started(self) -> "StackStatus":
        """Return it as it is while what ran is stopped to be started anew: failures are over."""
        services = tuple(
            replace(each, state=ServiceState.PENDING, message="")
            if each.state is ServiceState.FAILED
            else each
            for each in self.services
        )
        return replace(self, state=StackState.STARTING, reason="", problems=(), services=services)
