"""Forks on record: the wish before anything is copied, and each step before it is done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from commandcenter.auth.audit import record
from commandcenter.auth.identity import Caller
from commandcenter.events.store import EventStore
from commandcenter.events.types import EventType
from commandcenter.kit.clock import utc_now
from commandcenter.kit.database import Database
from commandcenter.models import Project, ProjectStack, StackFork, StackPort
from commandcenter.projects.service import ProjectService
from commandcenter.runtimes.base import Runtime
from commandcenter.secrets.service import SecretService
from commandcenter.stacks.begin import StackBeginnings, secret_names
from commandcenter.stacks.definition import Wishes
from commandcenter.stacks.errors import NothingToForkError, StackBusyError
from commandcenter.stacks.fork_copy import Copied
from commandcenter.stacks.fork_phases import ForkPhase
from commandcenter.stacks.model import Stack
from commandcenter.stacks.port_giving import give_ports
from commandcenter.stacks.ports import Key, PortNeed
from commandcenter.stacks.resources import Protocol
from commandcenter.stacks.rows import store_services
from commandcenter.stacks.snapshot import to_text
from commandcenter.stacks.states import ServiceState
from commandcenter.stacks.stored import StoredDefinition, mentions, ports_of, seal, stored_stack

_REASONS_KEPT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class ForkWish:
    project_id: str  # of the fork's project, which is not there yet
    name: str
    starts: bool
    max_pause_seconds: float
    request: str | None  # who, what, Idempotency-Key


class ForkRecords:
    def __init__(
        self,
        database: Database,
        events: EventStore,
        projects: ProjectService,
        vault: SecretService,
        beginnings: StackBeginnings,
    ) -> None:
        self._database = database
        self._events = events
        self._projects = projects
        self._vault = vault
        self._beginnings = beginnings

    async def runtime_of(self, project_id: str) -> Runtime:
        """Return the runtime that has what the project's stack keeps."""
        async with self._database.read() as session:
            row = await session.get(ProjectStack, project_id)
        runtimes = self._beginnings.runtimes
        return runtimes.get(row.runtime if row is not None else runtimes.usual)

    async def stack_of(self, project: Project) -> tuple[Stack, Mapping[Key, int]]:
        """Return the stack as it runs, or ran last, and its ports.

        Raises `NothingToForkError`, `StackElsewhereError`, and the errors of the vault.
        """
        async with self._database.read() as session:
            row = await session.get(ProjectStack, project.id)
            ports = await _ports(session, project.id)
        if row is None or row.definition is None:
            raise NothingToForkError(
                f"The stack of project {project.name!r} has never been started.",
                hint=f"Start it first: commandcenter project start {project.name}",
            )
        self._beginnings.refuse_elsewhere(row)
        return stored_stack(self._vault, row), ports

    async def find(self, reference: str) -> StackFork | None:
        """Return the fork with this project's id, or the newest with its name."""
        query = (
            select(StackFork)
            .where((StackFork.project_id == reference) | (StackFork.name == reference))
            .order_by(StackFork.created_at.desc())
            .limit(1)
        )
        async with self._database.read() as session:
            found: StackFork | None = await session.scalar(query)
            return found

    async def unfinished(self) -> Sequence[StackFork]:
        """Return the forks of this hub that are neither ready nor gone."""
        over = (ForkPhase.READY.value, ForkPhase.FAILED.value)
        query = select(StackFork).where(
            StackFork.owner == self._beginnings.options.owner, StackFork.phase.not_in(over)
        )
        async with self._database.read() as session:
            return list(await session.scalars(query))

    async def asked_before(self, request: str | None) -> StackFork | None:
        """Return what became of the same request."""
        if request is None:
            return None
        async with self._database.read() as session:
            return await _asked_before(session, request)

    async def create(
        self, caller: Caller, origin: Project, wish: ForkWish
    ) -> tuple[StackFork, Project | None]:
        """Put the wish on record, with the fork's project, ports and secrets.

        The project is None when the same request came before. Raises `ProjectNameTakenError` and
        `NoPortLeftError`.
        """
        now = utc_now()
        async with self._database.write() as session:
            known = wish.request and await _asked_before(session, wish.request)
            if known:
                return known, None
            project = await self._projects.add_fork(
                session, caller, origin, wish.project_id, wish.name
            )
            await session.execute(
                delete(StackFork).where(
                    StackFork.phase == ForkPhase.FAILED.value,
                    StackFork.changed_at < now - _REASONS_KEPT,
                )
            )
            fork = StackFork(
                project_id=project.id,
                name=project.name,
                origin_id=origin.id,
                origin_name=origin.name,
                phase=ForkPhase.COPYING.value,
                reason="",
                owner=self._beginnings.options.owner,
                starts=wish.starts,
                max_pause_seconds=wish.max_pause_seconds,
                requested_by=caller.principal_id,
                request=wish.request,
                created_at=now,
                changed_at=now,
            )
            session.add(fork)
            await self._copy_stack(session, origin, project)
            for name, own in zip(secret_names(origin.id), secret_names(project.id), strict=True):
                await self._vault.copy_kept(session, name, own)
            told = {"name": project.name, "origin": origin.name, "origin_id": origin.id}
            await record(session, caller, "project.fork", project.id, told)
            await self._events.append(
                session,
                EventType.PROJECT_ADDED,
                subject=project.id,
                project_id=project.id,
                data={"name": project.name, "path": project.path, "forked_from": origin.id},
            )
        return fork, project

    async def _copy_stack(self, session: AsyncSession, origin: Project, project: Project) -> None:
        """Store the origin's definition for the fork, stopped, at ports of its own."""
        row = await session.get_one(ProjectStack, origin.id)
        stack = stored_stack(self._vault, row)
        made = self._beginnings.new_row(project.id)
        made.runtime = row.runtime
        made.kept_on = [row.runtime]
        # What it keeps stays with the runtime that has it.
        made.wishes = {**row.wishes, "ports": {}, "runtime": row.runtime}
        session.add(made)
        await session.flush()
        ports = await give_ports(
            session,
            owner=self._beginnings.options.owner,
            project_id=project.id,
            needs=[
                PortNeed(name, inside, None, protocol) for name, inside, protocol in ports_of(stack)
            ],
            pool=self._beginnings.options.ports,
        )
        definition = StoredDefinition(stack, row.source, Wishes())
        moved = definition.moved(ports)
        made.source = _told(row.source, moved, await _ports(session, origin.id), origin.name)
        seal(self._vault, made, to_text(moved))
        own = definition.own_limits
        await store_services(session, project.id, moved, own, state=ServiceState.STOPPED)

    async def enter(
        self,
        fork: StackFork,
        phase: ForkPhase,
        *,
        reason: str = "",
        copied: Copied | None = None,
        caller: Caller | None = None,
    ) -> None:
        """Put the next phase on record; with a `caller` on the audit log too."""
        async with self._database.write() as session:
            row = await session.get_one(StackFork, fork.project_id)
            row.phase, row.changed_at = phase.value, utc_now()
            row.reason = reason or row.reason
            if copied is not None:
                row.size_bytes, row.pause_seconds = copied.size_bytes, copied.pause_seconds
            await session.flush()
            if caller is not None:
                await record(session, caller, "project.discard", row.project_id, {"name": row.name})
            if copied is not None:
                told = {"name": row.name, "origin": row.origin_name, "bytes": row.size_bytes}
                await self._events.append(
                    session,
                    EventType.PROJECT_FORKED,
                    subject=row.project_id,
                    project_id=row.project_id,
                    data={**told, "pause_seconds": row.pause_seconds},
                )
        fork.phase, fork.reason = row.phase, row.reason

    async def erase(self, caller: Caller, fork: StackFork) -> None:
        """Take the fork's project off the records; idempotent.

        Of one that was given up the reason stays. Raises `ProjectBusyError`.
        """
        given_up = fork.phase == ForkPhase.UNDOING.value
        async with self._database.write() as session:
            project = await session.get(Project, fork.project_id)
            row = await session.get(StackFork, fork.project_id)
            for name in secret_names(fork.project_id):
                await self._vault.forget_kept(session, name)
            if row is not None and given_up:
                row.phase, row.changed_at = ForkPhase.FAILED.value, utc_now()
            elif row is not None:
                await session.delete(row)
            await session.flush()
            if project is not None:
                await self._projects.erase(session, caller, project, "project.remove")
            if given_up:
                await self._events.append(
                    session,
                    EventType.PROJECT_FORK_FAILED,
                    subject=fork.project_id,
                    project_id=fork.origin_id,
                    data={"name": fork.name, "origin": fork.origin_name, "reason": fork.reason},
                )

    async def forget(self, session: AsyncSession, project: Project) -> None:
        """Forget what is known of a fork, as its project goes.

        Raises `StackBusyError` while it is being made or discarded.
        """
        row = await session.get(StackFork, project.id)
        if row is None or row.phase == ForkPhase.FAILED.value:
            return
        if row.phase != ForkPhase.READY.value:
            raise StackBusyError(
                f"The fork {project.name!r} is not ready: it is {row.phase}.",
                hint=f"To have it gone: commandcenter project discard {project.name}",
            )
        await session.delete(row)
        await session.flush()

    async def refuse_busy(self, project: Project) -> None:
        """Raise `ProjectBusyError` while one of the project's runs has not ended."""
        async with self._database.read() as session:
            await self._projects.refuse_busy(session, project)


async def _asked_before(session: AsyncSession, request: str) -> StackFork | None:
    found: StackFork | None = await session.scalar(
        select(StackFork).where(StackFork.request == request)
    )
    return found


async def _ports(session: AsyncSession, project_id: str) -> dict[Key, int]:
    query = select(StackPort).where(StackPort.project_id == project_id)
    return {
        (port.service, port.container_port, Protocol(port.protocol)): port.host_port
        for port in await session.scalars(query)
    }


def _told(
    source: Mapping[str, Any], stack: Stack, ports: Mapping[Key, int], origin: str
) -> dict[str, Any]:
    """Return where the definition comes from, with what of the origin is still in it."""
    kept = [f"{words}, which is {origin}'s" for words in mentions(stack, ports)]
    shared = f"its folder is that of {origin}, and what its services write there is seen by both"
    notes = dict.fromkeys([*source.get("notes", ()), shared, *kept])
    return {**source, "notes": list(notes)}
