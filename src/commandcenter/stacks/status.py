"""How a stack is: what is on record, what its supervisor sees, what its services use now."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select

from commandcenter.kit.clock import utc_now
from commandcenter.kit.database import Database
from commandcenter.kit.errors import ProblemError
from commandcenter.models import Project, ProjectStack, StackPort, StackService
from commandcenter.projects.service import ProjectService
from commandcenter.runtimes.results import Stats
from commandcenter.stacks.begin import StackBeginnings
from commandcenter.stacks.definition import Wishes, over
from commandcenter.stacks.fork_phases import CopyProgress
from commandcenter.stacks.hardening import Hardening
from commandcenter.stacks.pending import next_limits
from commandcenter.stacks.ports import LOOPBACK
from commandcenter.stacks.preparing.common import effective_limits
from commandcenter.stacks.resources import Protocol, ServiceLimits
from commandcenter.stacks.rows import read_services
from commandcenter.stacks.service import StackManager
from commandcenter.stacks.states import ServiceState, StackState
from commandcenter.stacks.status_model import LimitStatus, PortStatus, ServiceStatus, StackStatus
from commandcenter.stacks.supervisor import StackSupervisor

_NOT_HTTP = frozenset({5432, 6379, 3306, 27017, 5672})
_MIN_SPAN_SECONDS = 0.2


@dataclass(slots=True)
class _Sample:
    attempt: int
    at: float
    cpu_seconds: float
    cores: float | None


class StackStatuses:
    """Answers about any number of stacks; keeps one sample of CPU time per running service."""

    def __init__(
        self,
        database: Database,
        projects: ProjectService,
        beginnings: StackBeginnings,
        stacks: StackManager,
        copying: Callable[[str], CopyProgress | None],
    ) -> None:
        """`copying` tells how far a fork's copy is, None once it is complete."""
        self._copying = copying
        self._beginnings = beginnings
        self._database = database
        self._projects = projects
        self._stacks = stacks
        self._samples: dict[tuple[str, str], _Sample] = {}

    async def get(self, reference: str) -> StackStatus:
        """Return the status of the stack of the project with this id or name."""
        project = await self._projects.get(reference)
        is_replaced = self._stacks.is_replacing(project.id)
        async with self._database.read() as session:
            row = await session.get(ProjectStack, project.id)
            services = await read_services(session, project.id)
            query = (
                select(StackPort)
                .where(StackPort.project_id == project.id)
                .order_by(StackPort.container_port)
            )
            ports = list(await session.scalars(query))
        wishes = Wishes.of(row.wishes) if row is not None else Wishes()
        next_runtime = wishes.runtime or self._beginnings.runtimes.usual
        if row is None or not services:
            return await self._never_started(project, row, ports, next_runtime)
        supervisor = self._stacks.supervisor(project.id)
        found = await asyncio.gather(
            *(self._service(each, ports, wishes, supervisor) for each in services)
        )
        state = StackState(row.state)  # as it is on record, with the times that belong to it
        progress = self._copying(project.id)
        if progress is not None:
            return _being_copied(project, row, found, progress)
        status = StackStatus(
            project=project,
            state=state,
            reason=row.reason,
            overall_healthy=bool(found) and all(each.healthy for each in found),
            checked_at=utc_now(),
            last_started_at=row.last_started_at,
            last_stopped_at=row.last_stopped_at,
            runtime=row.runtime,
            next_runtime=next_runtime,
            source=row.source,
            problems=await self._beginnings.problems(project)
            if state is StackState.STOPPED
            else (),
            accept_unenforced=_accepted(row),
            services=tuple(found),
        )
        return status.to_be_started() if is_replaced else status

    async def _never_started(
        self,
        project: Project,
        row: ProjectStack | None,
        ports: Sequence[StackPort],
        next_runtime: str,
    ) -> StackStatus:
        """Say what the folder brings, or what stands against it."""
        source: Mapping[str, Any] = {}
        services: tuple[ServiceStatus, ...] = ()
        problems: Sequence[Mapping[str, Any]] = ()
        reason = row.reason if row is not None else ""
        try:
            found = await self._beginnings.outline(project)
        except ProblemError as error:
            reason = f"{error.detail} {error.hint or ''}".strip()
            problems = error.fields.get("problems", ())
        else:
            source = found.source()
            services = tuple(
                _stopped(name, ports, over(own, found.wishes.limits.get(name, ServiceLimits())))
                for name, own in found.own_limits.items()
            )
        return StackStatus(
            project=project,
            state=StackState.STOPPED,
            reason=reason,
            overall_healthy=False,
            checked_at=utc_now(),
            last_started_at=None,
            last_stopped_at=None,
            runtime=None,
            next_runtime=next_runtime,
            source=source,
            problems=problems,
            accept_unenforced=_accepted(row),
            services=services,
        )

    async def _service(
        self,
        row: StackService,
        ports: Sequence[StackPort],
        wishes: Wishes,
        supervisor: StackSupervisor | None,
    ) -> ServiceStatus:
        stats = None
        state, message, restarts = ServiceState(row.state), row.message, row.restarts
        words, at, progress = row.health_words, row.health_at, ""
        is_asked = True
        hardened, limits = row.hardening, row.limits or {}
        number, runs_as, exit_code = row.number, row.runs_as, row.exit_code
        if supervisor is not None:
            roster = supervisor.roster
            member, watched = roster.members[row.name], roster.watched[row.name]
            state, message, restarts = member.state, member.message, member.restarts
            words, at, progress = watched.health_words, watched.health_at, watched.progress
            hardened, is_asked = watched.hardening, watched.is_asked
            number, exit_code = member.number, watched.exit_code
            runs_as, limits = watched.runs_as or runs_as, watched.limits or {}
            if supervisor.stands_for and state.is_active:
                message = supervisor.stands_for
            stats = await supervisor.stats(row.name)
        cores = self._cores(row, number, stats)
        following = next_limits(limits, wishes.limits.get(row.name))
        if supervisor is None:
            limits, wishes = following, Wishes()  # nothing is in force, and ports are given at once

        def limit(name: str, actual: float | None, used: float | None) -> LimitStatus:
            asked, pending = limits.get(name), following[name]
            return LimitStatus(asked, actual, used, None if pending == asked else pending)

        return ServiceStatus(
            name=row.name,
            state=state,
            healthy=(state is ServiceState.HEALTHY and is_asked) or state is ServiceState.COMPLETED,
            health_words=words,
            health_at=at,
            message=message,
            progress=progress,
            runs_as=runs_as,
            restarts=restarts,
            attempt=number,
            exit_code=exit_code,
            started_at=row.started_at,
            ports=_ports(row.name, ports, wishes),
            cpus=limit("cpus", stats.actual_cpu if stats else None, cores),
            memory_bytes=limit(
                "memory_bytes",
                stats.actual_memory_bytes if stats else None,
                stats.memory_bytes if stats else None,
            ),
            pids=limit("pids", stats.actual_pids if stats else None, stats.pids if stats else None),
            hardening=Hardening.of(hardened),
        )

    def _cores(self, row: StackService, number: int, stats: Stats | None) -> float | None:
        """Cores in use since the last time somebody asked."""
        key = (row.project_id, row.name)
        if stats is None:
            self._samples.pop(key, None)
            return None
        now = time.monotonic()
        before = self._samples.get(key)
        if before is None or before.attempt != number:
            since = (utc_now() - row.started_at).total_seconds() if row.started_at else 0.0
            cores = stats.cpu_seconds / since if since > _MIN_SPAN_SECONDS else None
        elif now - before.at < _MIN_SPAN_SECONDS:
            return before.cores
        else:
            cores = (stats.cpu_seconds - before.cpu_seconds) / (now - before.at)
        cores = None if cores is None else round(max(0.0, cores), 3)
        self._samples[key] = _Sample(number, now, stats.cpu_seconds, cores)
        return cores


def _accepted(row: ProjectStack | None) -> tuple[str, ...]:
    return tuple(row.wishes.get("accept_unenforced", ())) if row is not None else ()


def _ports(
    service: str, ports: Sequence[StackPort], wishes: Wishes | None = None
) -> tuple[PortStatus, ...]:
    wanted = wishes.ports.get(service, {}) if wishes is not None else {}
    return tuple(
        PortStatus(
            port.host_port,
            port.container_port,
            port.protocol,
            _address(port),
            pending if (pending := wanted.get(port.container_port)) != port.host_port else None,
        )
        for port in ports
        if port.service == service
    )


def _being_copied(
    project: Project, row: ProjectStack, services: Sequence[ServiceStatus], progress: CopyProgress
) -> StackStatus:
    """Say how far the copy is: nothing can run before it is complete."""
    return StackStatus(
        project=project,
        state=StackState.STARTING,
        reason=progress.words,
        overall_healthy=False,
        checked_at=utc_now(),
        last_started_at=None,
        last_stopped_at=None,
        runtime=row.runtime,
        next_runtime=row.runtime,
        source=row.source,
        problems=(),
        accept_unenforced=_accepted(row),
        is_copied=True,
        services=tuple(
            replace(
                each,
                state=ServiceState.PENDING,
                message=progress.words if each.name == progress.service else "",
            )
            for each in services
        ),
    )


def _address(port: StackPort) -> str:
    if port.container_port in _NOT_HTTP or port.protocol != Protocol.TCP.value:
        return f"{LOOPBACK}:{port.host_port}"
    return f"http://{LOOPBACK}:{port.host_port}"


def _stopped(name: str, ports: Sequence[StackPort], limits: ServiceLimits) -> ServiceStatus:
    asked = effective_limits(limits)
    return ServiceStatus(
        name=name,
        state=ServiceState.STOPPED,
        healthy=False,
        health_words="",
        health_at=None,
        message="",
        progress="",
        runs_as="",
        restarts=0,
        attempt=0,
        exit_code=None,
        started_at=None,
        ports=_ports(name, ports),
        cpus=LimitStatus(asked.cpu),
        memory_bytes=LimitStatus(asked.memory_bytes),
        pids=LimitStatus(asked.pids),
        hardening=Hardening(),
    )
