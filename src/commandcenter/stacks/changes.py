"""People's own limits, ports and runtime for the stack of a project."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from commandcenter.auth.audit import record
from commandcenter.auth.identity import Caller
from commandcenter.kit.database import Database
from commandcenter.kit.errors import ProblemError
from commandcenter.models import Project, ProjectStack, StackPort
from commandcenter.stacks.begin import StackBeginnings
from commandcenter.stacks.definition import Wishes, merged_wishes
from commandcenter.stacks.errors import UnknownPortError, UnknownServiceError
from commandcenter.stacks.limits import beyond_machine, warn_unenforced
from commandcenter.stacks.port_giving import refuse_held
from commandcenter.stacks.ports import check_free, claimed_ports
from commandcenter.stacks.reserve import reserve_ports
from commandcenter.stacks.resources import ServiceLimits
from commandcenter.stacks.service import StackManager

_LIMITS = {"cpus": "cpu", "memory_bytes": "memory", "pids": "pids"}


class StackChanges:
    def __init__(
        self, database: Database, beginnings: StackBeginnings, stacks: StackManager
    ) -> None:
        self._database = database
        self._beginnings = beginnings
        self._stacks = stacks

    async def change(
        self, caller: Caller, reference: str, wishes: Mapping[str, Any]
    ) -> tuple[str, ...]:
        """Change people's wishes, given as a `StackChange` has them; what is not there stays.

        None takes a wish back. They hold from the next start on. Returns in words what is done,
        and may not be what was meant. Raises `UnknownServiceError`, `UnknownRuntimeError`, and
        `PortConflictError` for ports that others have, or on which a program listens.
        """
        if wishes.get("runtime") is not None:
            self._beginnings.runtimes.get(wishes["runtime"])
        project = await self._stacks.open(reference)
        async with self._stacks.alone(project.id):
            named = (*wishes.get("limits", ()), *wishes.get("ports", ()))
            known = await self._stacks.service_names(project) if named else ()
            for name in named:
                if name not in known:
                    raise UnknownServiceError(name, known)
            await self._refuse_unknown_ports(project, wishes.get("ports", {}))
            warnings = (
                *beyond_machine(_new_limits(wishes)),
                *await self._left_behind(project, wishes),
            )
            async with self._database.write() as session:
                row = await session.get(ProjectStack, project.id)
                if row is None:
                    row = self._beginnings.new_row(project.id)
                    session.add(row)
                row.wishes = merged_wishes(row.wishes, wishes)
                after = Wishes.of(row.wishes)
                await session.flush()
                await self._refuse_taken(session, project, _new_ports(wishes))
                await record(session, caller, "stack.change", project.id, wishes)
            if self._stacks.supervisor(project.id) is None:
                await reserve_ports(self._database, self._beginnings, project)
        return (*warnings, *await self._unenforced(project, wishes, after))

    async def _refuse_taken(
        self, session: AsyncSession, project: Project, wanted: Mapping[str, Mapping[int, int]]
    ) -> None:
        """Refuse ports of other projects and of programs; what runs of this one has its own."""
        owner = self._beginnings.options.owner
        ports = await refuse_held(session, owner=owner, project_id=project.id, wanted=wanted)
        own = frozenset[int]()
        if self._stacks.supervisor(project.id) is not None:
            query = select(StackPort.host_port).where(StackPort.project_id == project.id)
            own = frozenset(await session.scalars(query))
        claimed = await claimed_ports(session, owner)
        check_free(project.name, ports, besides=own, claimed=claimed)

    async def _unenforced(
        self, project: Project, wishes: Mapping[str, Any], after: Wishes
    ) -> tuple[str, ...]:
        """Say which limits that were just asked for the next start's runtime cannot enforce."""
        asked = {
            _LIMITS[name]
            for limits in wishes.get("limits", {}).values()
            for name, value in limits.items()
            if value is not None
        }
        if not asked:
            return ()
        name = after.runtime or self._beginnings.runtimes.usual
        try:
            _, can = await self._beginnings.runtimes.able(name)
        except ProblemError:  # a start says that it cannot be used
            return ()
        return warn_unenforced(can, asked, after.accept_unenforced, project.name)

    async def _refuse_unknown_ports(
        self, project: Project, wanted: Mapping[str, Mapping[int, int | None]]
    ) -> None:
        """Refuse ports that the services do not have, as far as is known by now."""
        query = select(StackPort).where(StackPort.project_id == project.id)
        async with self._database.read() as session:
            rows = list(await session.scalars(query))
        for name, ports in wanted.items():
            has = sorted({row.container_port for row in rows if row.service == name})
            for inside in ports:
                if has and inside not in has:
                    raise UnknownPortError(name, inside, has)

    async def _left_behind(self, project: Project, wishes: Mapping[str, Any]) -> tuple[str, ...]:
        """Say that what the services keep stays with the runtime that made it, if they do."""
        async with self._database.read() as session:
            row = await session.get(ProjectStack, project.id)
        if "runtime" not in wishes or row is None:
            return ()
        chosen = wishes["runtime"] or self._beginnings.runtimes.usual
        if chosen == row.runtime or not await self._keeps_data(row):
            return ()
        return (
            f"What the services keep in volumes stays with {row.runtime}, and is not carried "
            f"over: on {chosen} they begin with what they had there, or with nothing. To have "
            f"it back: commandcenter project set {project.name} --runtime {row.runtime}",
        )

    async def _keeps_data(self, row: ProjectStack) -> bool:
        try:
            return bool(await self._beginnings.runtimes.get(row.runtime).volumes(row.project_id))
        except ProblemError:  # it cannot be asked: said rather than not
            return row.definition is not None


def _new_ports(wishes: Mapping[str, Any]) -> dict[str, dict[int, int]]:
    return {
        name: {inside: port for inside, port in ports.items() if port is not None}
        for name, ports in wishes.get("ports", {}).items()
    }


def _new_limits(wishes: Mapping[str, Any]) -> dict[str, ServiceLimits]:
    return {name: ServiceLimits(**limits) for name, limits in wishes.get("limits", {}).items()}
