"""Stacks that ran when an earlier hub ended: supervised again from their records, or ended."""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from sqlalchemy import select

from commandcenter.kit.clock import utc_now
from commandcenter.kit.database import Database
from commandcenter.kit.errors import ProblemError
from commandcenter.models import ProjectStack, StackPort
from commandcenter.projects.service import ProjectService
from commandcenter.runtimes.base import Handle
from commandcenter.stacks.begin import StackBeginnings
from commandcenter.stacks.definition import Wishes
from commandcenter.stacks.fork_copy import resume_all
from commandcenter.stacks.resources import Protocol
from commandcenter.stacks.roster import Beginning
from commandcenter.stacks.rows import found_member, read_services, record_of
from commandcenter.stacks.states import Desired, ServiceState, StackState
from commandcenter.stacks.supervisor import StackSupervisor

_GRACE_SECONDS = 10.0


class FoundStacks:
    def __init__(
        self, database: Database, projects: ProjectService, beginnings: StackBeginnings
    ) -> None:
        self._database = database
        self._projects = projects
        self._beginnings = beginnings

    async def take_over(self, row: ProjectStack) -> StackSupervisor:
        """Supervise what an earlier hub started, from its records.

        Raises `SnapshotError`, `UnknownRuntimeError` and the errors of the vault.
        """
        runtime = self._beginnings.runtimes.get(row.runtime)
        project = await self._projects.get(row.project_id)
        own = await self._beginnings.secrets(project.id)
        stack = self._beginnings.kept(row)
        desired, state = Desired(row.desired), StackState(row.state)
        if state is StackState.STOPPING:
            desired = Desired.STOPPED  # also of a restart: it is started once all has ended
        async with self._database.write() as session:
            present = await session.get_one(ProjectStack, row.project_id)
            present.epoch += 1
            present.state = state.value
            self._beginnings.keep(present, stack)
            epoch = present.epoch
            records = {
                each.name: record_of(each) for each in await read_services(session, project.id)
            }
            given = select(StackPort).where(StackPort.project_id == project.id)
            ports = {
                (port.service, port.container_port, Protocol(port.protocol)): port.host_port
                for port in await session.scalars(given)
            }
        members = {
            service.name: found_member(service, records[service.name], desired)
            for service in stack.services
        }
        beginning = Beginning(stack, desired, state, members, records)
        wishes = Wishes.of(row.wishes)
        place = self._beginnings.place(
            project.id, Path(project.path), ports, own, wishes, row.source
        )
        return self._beginnings.supervise(project, runtime, place, beginning, epoch)

    async def resume(self, rows: Sequence[ProjectStack]) -> None:
        """Let all services go on that stand still since an earlier hub paused them."""
        async with self._database.read() as session:
            services = [
                each for row in rows for each in await read_services(session, row.project_id)
            ]
        by_runtime: defaultdict[str, dict[str, Handle]] = defaultdict(dict)
        for each in services:
            if each.handle is not None:
                handle = Handle(**each.handle)
                by_runtime[handle.runtime][handle.attempt_id] = handle
        for name, handles in by_runtime.items():
            await resume_all(self._beginnings.runtimes.get(name), handles)

    async def abandon(self, row: ProjectStack, why: str) -> None:
        """End the services of a stack that cannot be taken over, and say so."""
        async with self._database.read() as session:
            services = await read_services(session, row.project_id)
        for service in services:
            if service.handle is not None:
                with suppress(ProblemError, OSError):
                    handle = Handle(**service.handle)
                    runtime = self._beginnings.runtimes.get(handle.runtime)
                    await runtime.stop(handle, grace_seconds=_GRACE_SECONDS)
        async with self._database.write() as session:
            present = await session.get_one(ProjectStack, row.project_id)
            present.epoch += 1
            present.desired = Desired.STOPPED.value
            present.state = StackState.STOPPED.value
            present.reason = f"It could not be taken over after a restart of the hub: {why}"
            present.last_stopped_at = present.changed_at = utc_now()
            for each in await read_services(session, row.project_id):
                each.state = ServiceState.STOPPED.value
