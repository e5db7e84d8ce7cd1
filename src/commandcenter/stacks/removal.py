"""What becomes of a stack's data as its project goes: it stays, is taken up, or is deleted."""

import asyncio
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from commandcenter.auth.audit import record
from commandcenter.auth.caller import need
from commandcenter.auth.identity import Caller
from commandcenter.auth.permissions import Permission
from commandcenter.kit.clock import utc_now
from commandcenter.kit.database import Database
from commandcenter.kit.disk import DiskFullError
from commandcenter.kit.tree_copy import tree_bytes
from commandcenter.models import KeptData, Project, ProjectStack, StackPort, StackService
from commandcenter.projects.adding import KeptProject
from commandcenter.projects.service import ProjectService
from commandcenter.runtimes.base import Runtime
from commandcenter.secrets.service import SecretService
from commandcenter.stacks.begin import StackBeginnings, secret_names
from commandcenter.stacks.errors import ForkKeepsDataError, StackBusyError
from commandcenter.stacks.service import StackManager
from commandcenter.stacks.states import ServiceState, StackState

_PUT_AWAY_SECONDS = 6.0


@dataclass(frozen=True, slots=True)
class KeptVolume:
    name: str
    place: str  # its directory, or which runtime has it
    size_bytes: int | None  # None: it could not be found out


class StackRemoval:
    def __init__(
        self,
        database: Database,
        projects: ProjectService,
        vault: SecretService,
        beginnings: StackBeginnings,
        stacks: StackManager,
    ) -> None:
        self._database = database
        self._projects = projects
        self._vault = vault
        self._beginnings = beginnings
        self._stacks = stacks

    async def forget(self, session: AsyncSession, project: Project) -> None:
        """Take a project's stack off the records, as the project goes. Its data stays.

        Raises `StackBusyError` while the stack is not stopped.
        """
        row = await session.get(ProjectStack, project.id)
        if row is None:
            return
        await self._refuse_running(project, row)
        if row.kept_on and project.forked_from is None:
            services = select(StackService).where(StackService.project_id == project.id)
            session.add(
                KeptData(
                    project_id=project.id,
                    name=project.name,
                    path=project.path,
                    owner=row.owner,
                    runtime=row.wishes.get("runtime") or self._beginnings.runtimes.usual,
                    kept_on=row.kept_on,
                    numbers={each.name: each.number for each in await session.scalars(services)},
                    removed_at=utc_now(),
                )
            )
        for table in (StackPort, StackService, ProjectStack):
            await session.execute(delete(table).where(table.project_id == project.id))

    async def kept(self, session: AsyncSession, path: str, name: str | None) -> KeptProject | None:
        """Return the project whose data was kept for this folder: of that name, else the last."""
        query = select(KeptData).where(
            KeptData.path == path, KeptData.owner == self._beginnings.options.owner
        )
        if name is not None:
            query = query.where(KeptData.name == name)
        found = await session.scalar(query.order_by(KeptData.removed_at.desc()).limit(1))
        return None if found is None else KeptProject(found.project_id, found.name)

    async def take_up(self, session: AsyncSession, project: Project) -> None:
        """Give a project that is back what it had, within the transaction that adds it."""
        kept = await session.get(KeptData, project.id)
        if kept is None:
            return
        row = self._beginnings.new_row(project.id)
        if kept.runtime != self._beginnings.runtimes.usual:
            row.wishes = {"runtime": kept.runtime}
        row.kept_on = kept.kept_on
        session.add(row)
        await session.flush()
        for name, number in kept.numbers.items():
            session.add(
                StackService(
                    project_id=project.id,
                    name=name,
                    position=0,
                    is_defined=False,  # the next start says whether it is
                    state=ServiceState.STOPPED.value,
                    number=number,
                    changed_at=utc_now(),
                )
            )
        await session.delete(kept)

    async def data(self, reference: str) -> tuple[KeptVolume, ...]:
        """Return what the project's stack keeps, on each runtime on which it ever ran."""
        project = await self._projects.get(reference)
        async with self._database.read() as session:
            row = await session.get(ProjectStack, project.id)
        if row is None:
            return ()
        found: list[KeptVolume] = []
        for name in row.kept_on:
            runtime = self._beginnings.runtimes.get(name)
            found += [
                await self._volume(runtime, name, each)
                for each in await runtime.volumes(project.id)
            ]
        return tuple(found)

    async def _volume(self, runtime: Runtime, runtime_name: str, path: Path) -> KeptVolume:
        if await asyncio.to_thread(path.is_dir):
            size = await asyncio.to_thread(tree_bytes, path)
            return KeptVolume(path.name, str(path), size)
        with suppress(DiskFullError):  # it would not fit a second time
            size = await runtime.check_room([path])
            return KeptVolume(path.name, f"a volume of {runtime_name}", size)
        return KeptVolume(path.name, f"a volume of {runtime_name}", None)

    async def delete_data(self, caller: Caller, reference: str) -> None:
        """Delete what the stack of a project keeps: volumes, logs and secrets; idempotent.

        Raises `StackBusyError` while it is not stopped, `ProjectBusyError`, and
        `ForkKeepsDataError`.
        """
        need(caller, Permission.STACKS_RUN)
        project = await self._projects.get(reference)
        if project.forked_from is not None:
            raise ForkKeepsDataError(
                f"Project {project.name!r} is a fork, which goes with its data.",
                hint=f"Discard it: commandcenter project discard {project.name}",
            )
        async with self._database.read() as session:
            await self._projects.refuse_busy(session, project)
            row = await session.get(ProjectStack, project.id)
        if row is None:
            return
        await self._refuse_running(project, row)
        if await self._stacks.reserve(project.id, f"The data of {project.name} is being deleted."):
            raise _busy(project, StackState.STARTING)
        try:
            for each in row.kept_on:
                await self._beginnings.runtimes.get(each).remove_volumes(project.id)
            logs = self._beginnings.options.data_directory / "logs" / project.id
            await asyncio.to_thread(shutil.rmtree, logs, ignore_errors=True)
            async with self._database.write() as session:
                present = await session.get_one(ProjectStack, project.id)
                present.definition = present.definition_nonce = present.definition_key = None
                present.kept_on = []
                for name in secret_names(project.id):
                    await self._vault.forget_kept(session, name)
                await session.flush()
                told = {"name": project.name}
                await record(session, caller, "stack.delete_data", project.id, told)
        finally:
            self._stacks.release(project.id)

    async def _refuse_running(self, project: Project, row: ProjectStack) -> None:
        running = self._stacks.supervisor(project.id)
        if running is not None and row.state == StackState.STOPPED.value:
            with suppress(TimeoutError):  # it is only putting things away
                await asyncio.wait_for(running.wait_ended(), _PUT_AWAY_SECONDS)
        if row.state != StackState.STOPPED.value or self._stacks.supervisor(project.id) is not None:
            raise _busy(project, StackState(row.state))


def _busy(project: Project, state: StackState) -> StackBusyError:
    return StackBusyError(
        f"The stack of project {project.name!r} {state.words}.",
        hint=f"Stop it first: commandcenter project stop {project.name}",
    )
