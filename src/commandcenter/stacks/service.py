"""Starting, stopping and restarting the stacks of projects; finding them again after a restart."""

import asyncio
import logging
import os
import secrets as random
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from commandcenter.auth.audit import record
from commandcenter.auth.identity import Caller
from commandcenter.events.store import EventStore
from commandcenter.events.types import EventType
from commandcenter.kit.clock import utc_now
from commandcenter.kit.database import Database
from commandcenter.kit.draining import Draining
from commandcenter.kit.errors import ProblemError
from commandcenter.models import Project, ProjectStack, StackPort, StackService
from commandcenter.projects.errors import FolderNotFoundError
from commandcenter.projects.service import ProjectService
from commandcenter.runtimes.base import Runtime
from commandcenter.secrets.cipher import Sealed
from commandcenter.secrets.service import SecretService
from commandcenter.stacks.default_stack import StackSecrets
from commandcenter.stacks.definition import Outline, Wishes, check_wishes, merged_wishes, outline
from commandcenter.stacks.errors import (
    StackBusyError,
    StackElsewhereError,
    StackNotRunningError,
    UnknownServiceError,
)
from commandcenter.stacks.member import Member
from commandcenter.stacks.model import Service, Stack
from commandcenter.stacks.ports import Key, check_free, give_ports
from commandcenter.stacks.prepared import Prepared
from commandcenter.stacks.recorder import (
    ServiceRecord,
    StackRecord,
    StackRecorder,
    read_services,
    record_of,
)
from commandcenter.stacks.snapshot import SnapshotError, from_text, to_text
from commandcenter.stacks.states import Desired, ServiceState, StackState
from commandcenter.stacks.supervisor import Beginning, StackSupervisor
from commandcenter.stacks.to_spec import Place, effective_limits, prepare

logger = logging.getLogger(__name__)

_SECRET_BYTES = 32
_UP = frozenset({StackState.STARTING, StackState.RUNNING})


@dataclass(frozen=True, slots=True)
class StackOptions:
    owner: str  # this hub, the same after each restart
    runtime_name: str
    data_directory: Path
    ports: range  # given to services that ask for none


@dataclass(frozen=True, slots=True)
class Asked:
    """What became of a wish. `changed` is False when it was so already."""

    project: Project
    changed: bool


class StackManager:
    """All stacks of this hub. Commands for one project are done one after the other."""

    def __init__(
        self,
        database: Database,
        events: EventStore,
        projects: ProjectService,
        vault: SecretService,
        runtime: Runtime,
        draining: Draining,
        options: StackOptions,
    ) -> None:
        self._database = database
        self._events = events
        self._projects = projects
        self._vault = vault
        self._runtime = runtime
        self._draining = draining
        self._options = options
        self._supervisors: dict[str, StackSupervisor] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._restarting: dict[str, asyncio.Task[None]] = {}

    def supervisor(self, project_id: str) -> StackSupervisor | None:
        found = self._supervisors.get(project_id)
        return None if found is None or found.has_ended else found

    async def start(self, caller: Caller, reference: str) -> Asked:
        """Have the project's stack running; returns once that is on record and under way.

        Starting what runs is no change. Raises the errors of the compose reader,
        `PortConflictError`, `NoPortLeftError` and those of the project's folder.
        """
        self._draining.refuse_new_work()
        project = await self._projects.get(reference)
        async with self._locks[project.id]:
            running = self.supervisor(project.id)
            if running is not None and running.desired is Desired.RUNNING:
                if running.state in _UP:
                    return Asked(project, changed=False)
                await self._stop_and_wait(project.id, running)
            elif running is not None:
                await self._stop_and_wait(project.id, running)
            await self._begin(caller, project, None)
        return Asked(project, changed=True)

    async def stop(self, caller: Caller, reference: str) -> Asked:
        """Have the stack stopped; stopping what is stopped is no change."""
        project = await self._projects.get(reference)
        restarting = self._restarting.pop(project.id, None)
        if restarting is not None:
            restarting.cancel()
        async with self._locks[project.id]:
            running = self.supervisor(project.id)
            async with self._database.write() as session:
                row = await session.get(ProjectStack, project.id)
                if row is not None:
                    self._refuse_elsewhere(row)
                if row is None or (running is None and row.state == StackState.STOPPED.value):
                    return Asked(project, changed=False)
                is_new = row.desired != Desired.STOPPED.value
                row.desired = Desired.STOPPED.value
                await session.flush()
                if is_new:
                    await record(session, caller, "stack.stop", project.id, {"name": project.name})
            if running is not None:
                running.ask(Desired.STOPPED)
        return Asked(project, changed=is_new)

    async def restart(self, caller: Caller, reference: str, *, key: str | None = None) -> Asked:
        """Stop the stack and start it with the definition as it is now; returns at once.

        What stands against the start is raised before anything is stopped. The same caller and
        `Idempotency-Key` again is no change.
        """
        self._draining.refuse_new_work()
        project = await self._projects.get(reference)
        request = _request(caller, "restart", key)
        async with self._locks[project.id]:
            running = self.supervisor(project.id)
            if request is not None and await self._was_asked(project.id, request):
                return Asked(project, changed=False)
            if running is None:
                await self._begin(caller, project, request)
                return Asked(project, changed=True)
            await self._read(project)
            async with self._database.write() as session:
                row = await session.get_one(ProjectStack, project.id)
                row.desired = Desired.RUNNING.value
                row.last_request = request
                await session.flush()
                await record(session, caller, "stack.restart", project.id, {"name": project.name})
            running.ask(Desired.STOPPED)
            self._restarting[project.id] = asyncio.create_task(
                self._begin_after(caller, project, running, request)
            )
        return Asked(project, changed=True)

    async def restart_service(
        self, caller: Caller, reference: str, service: str, *, key: str | None = None
    ) -> Asked:
        """Restart one service without the rest; returns at once.

        Raises `UnknownServiceError` and `StackNotRunningError`.
        """
        self._draining.refuse_new_work()
        project = await self._projects.get(reference)
        request = _request(caller, f"restart {service[:200]}", key)
        async with self._locks[project.id]:
            known = await self.service_names(project)
            if service not in known:
                raise UnknownServiceError(service, known)
            running = self.supervisor(project.id)
            if running is None or running.desired is Desired.STOPPED:
                raise not_running(project)
            if request is not None and await self._was_asked(project.id, request):
                return Asked(project, changed=False)
            async with self._database.write() as session:
                row = await session.get_one(ProjectStack, project.id)
                row.last_request = request
                await session.flush()
                data = {"name": project.name, "service": service}
                await record(session, caller, "stack.service_restart", project.id, data)
            running.ask_restart(service)
        return Asked(project, changed=True)

    async def change(self, caller: Caller, reference: str, wishes: Mapping[str, Any]) -> None:
        """Change limits and ports, given as `{limits: {service: ...}, ports: {service: ...}}`.

        They hold from the next start on. Raises `UnknownServiceError`.
        """
        project = await self._projects.get(reference)
        async with self._locks[project.id]:
            known = await self.service_names(project)
            for name in (*wishes["limits"], *wishes["ports"]):
                if name not in known:
                    raise UnknownServiceError(name, known)
            async with self._database.write() as session:
                row = await session.get(ProjectStack, project.id)
                if row is None:
                    row = self._new_row(project.id)
                    session.add(row)
                row.wishes = merged_wishes(row.wishes, wishes)
                row.changed_at = utc_now()
                await session.flush()
                await record(session, caller, "stack.change", project.id, wishes)

    def _new_row(self, project_id: str) -> ProjectStack:
        return ProjectStack(
            project_id=project_id,
            desired=Desired.STOPPED.value,
            state=StackState.STOPPED.value,
            reason="",
            epoch=0,
            source={},
            wishes={},
            owner=self._options.owner,
            runtime=self._options.runtime_name,
            changed_at=utc_now(),
        )

    async def service_names(self, project: Project) -> tuple[str, ...]:
        """Return the services of the stack as it was started last, else of the folder now."""
        async with self._database.read() as session:
            rows = await read_services(session, project.id)
        if rows:
            return tuple(row.name for row in rows)
        try:
            return (await self.outline(project)).services
        except ProblemError:
            return ()

    async def outline(self, project: Project) -> Outline:
        """Return what the project's folder brings now."""
        folder = await self._projects.folder(project)
        async with self._database.read() as session:
            row = await session.get(ProjectStack, project.id)
            wishes = Wishes.of(row.wishes) if row is not None else Wishes()
        return await asyncio.to_thread(outline, project.name, folder, wishes)

    async def recover(self) -> int:
        """Find again what ran when the hub ended; how many stacks that are."""
        async with self._database.read() as session:
            query = select(ProjectStack).where(
                ProjectStack.owner == self._options.owner,
                ProjectStack.state != StackState.STOPPED.value,
            )
            rows = list(await session.scalars(query))
        for row in rows:
            try:
                await self._recover(row)
            except (ProblemError, SnapshotError, OSError) as error:
                logger.error("the stack of %s cannot be found again: %s", row.project_id, error)  # noqa: TRY400 - no mistake of the program
        return len(rows)

    async def close(self) -> None:
        """Let go of all stacks; they go on running."""
        for task in self._restarting.values():
            task.cancel()
        await asyncio.gather(*self._restarting.values(), return_exceptions=True)
        await asyncio.gather(*(each.leave() for each in self._supervisors.values()))

    async def forget(self, session: AsyncSession, project: Project) -> None:
        """Take a project's stack off the records, as the project goes. Its data stays.

        Raises `StackBusyError` while the stack is not stopped.
        """
        row = await session.get(ProjectStack, project.id)
        if row is None:
            return
        if row.state != StackState.STOPPED.value or self.supervisor(project.id) is not None:
            raise StackBusyError(
                f"the stack of project {project.name!r} is {row.state}",
                hint=f"Stop it first: commandcenter project stop {project.name}",
            )
        for table in (StackPort, StackService, ProjectStack):
            await session.execute(delete(table).where(table.project_id == project.id))

    # Beginning.

    async def _read(self, project: Project) -> tuple[Outline, Path]:
        folder = await self._projects.folder(project)
        found = await self.outline(project)
        check_wishes(found)
        return found, folder

    async def _begin(self, caller: Caller, project: Project, request: str | None) -> None:
        found, folder = await self._read(project)
        own_secrets = await self._secrets(project.id)
        async with self._database.write() as session:
            row = await session.get(ProjectStack, project.id, with_for_update=True)
            now = utc_now()
            if row is None:
                row = self._new_row(project.id)
                session.add(row)
            else:
                self._refuse_elsewhere(row)
            row.desired = Desired.RUNNING.value
            row.reason = ""
            row.epoch += 1
            row.source = found.source()
            row.requested_by = caller.principal_id
            row.last_request = request
            row.changed_at = now
            await session.flush()
            ports = await give_ports(
                session,
                owner=self._options.owner,
                project_id=project.id,
                needs=found.port_needs,
                pool=self._options.ports,
            )
            check_free(ports, besides=frozenset())
            stack = found.stack(ports, own_secrets)
            sealed = self._vault.seal(to_text(stack), row_id=_sealed_for(project.id, row.epoch))
            row.definition_key = sealed.key_id
            row.definition_nonce = sealed.nonce
            row.definition = sealed.ciphertext
            row.state = StackState.STARTING.value
            records = await _store_services(session, project.id, stack)
            epoch = row.epoch
            await session.flush()
            await record(session, caller, "stack.start", project.id, {"name": project.name})
            await self._events.append(
                session,
                EventType.STACK_CHANGED,
                subject=project.id,
                project_id=project.id,
                data={"project": project.name, "state": StackState.STARTING, "reason": ""},
            )
        members = {
            service.name: Member(service.name, service.restart, number=records[service.name].number)
            for service in stack.services
        }
        beginning = Beginning(stack, Desired.RUNNING, StackState.STARTING, members, records)
        self._supervise(project, folder, beginning, ports, own_secrets, epoch, records)

    async def _begin_after(
        self,
        caller: Caller,
        project: Project,
        running: StackSupervisor,
        request: str | None,
    ) -> None:
        await running.wait_ended()
        async with self._locks[project.id]:
            self._restarting.pop(project.id, None)
            try:
                await self._begin(caller, project, request)
            except ProblemError as error:
                await self._could_not_begin(project, error)

    async def _could_not_begin(self, project: Project, error: ProblemError) -> None:
        async with self._database.write() as session:
            row = await session.get_one(ProjectStack, project.id)
            row.desired = Desired.STOPPED.value
            row.reason = f"{error.detail} {error.hint or ''}".strip()
            await session.flush()
            await self._events.append(
                session,
                EventType.STACK_CHANGED,
                subject=project.id,
                project_id=project.id,
                data={"project": project.name, "state": row.state, "reason": row.reason},
            )

    async def _stop_and_wait(self, project_id: str, running: StackSupervisor) -> None:
        running.ask(Desired.STOPPED)
        await running.wait_ended()
        self._supervisors.pop(project_id, None)

    def _supervise(
        self,
        project: Project,
        folder: Path,
        beginning: Beginning,
        ports: dict[Key, int],
        own_secrets: StackSecrets,
        epoch: int,
        records: dict[str, ServiceRecord],
    ) -> StackSupervisor:
        recorder = StackRecorder(self._database, self._events, project.id, project.name, epoch)
        recorder.known(StackRecord(beginning.state), list(records.values()))
        place = Place(
            project.id,
            folder,
            self._options.data_directory,
            ports,
            redact=(own_secrets.database_password, own_secrets.secret_key),
        )
        made = StackSupervisor(
            project.id,
            beginning,
            runtime=self._runtime,
            recorder=recorder,
            prepare=_preparing(beginning.stack, place),
        )
        self._supervisors[project.id] = made
        made.begin()
        return made

    async def _recover(self, row: ProjectStack) -> None:
        project = await self._projects.get(row.project_id)
        own_secrets = await self._secrets(project.id)
        if row.definition is None or row.definition_nonce is None or row.definition_key is None:
            raise SnapshotError("no definition was stored")
        text = self._vault.unseal(
            Sealed(row.definition_key, row.definition_nonce, row.definition),
            row_id=_sealed_for(row.project_id, row.epoch),
        )
        stack = from_text(text)
        async with self._database.write() as session:
            present = await session.get_one(ProjectStack, row.project_id)
            present.epoch += 1
            sealed = self._vault.seal(text, row_id=_sealed_for(row.project_id, present.epoch))
            present.definition_key = sealed.key_id
            present.definition_nonce = sealed.nonce
            present.definition = sealed.ciphertext
            epoch = present.epoch
            rows = await read_services(session, row.project_id)
            ports = {
                (port.service, port.container_port): port.host_port
                for port in await session.scalars(
                    select(StackPort).where(StackPort.project_id == row.project_id)
                )
            }
        records = {each.name: record_of(each) for each in rows}
        desired = Desired(row.desired)
        members = {
            service.name: _found(service.name, stack, records[service.name], desired)
            for service in stack.services
        }
        state = StackState(row.state)
        if desired is Desired.RUNNING and state is StackState.STOPPING:
            state = StackState.STARTING  # a restart that was under way: what was stopped is started
        beginning = Beginning(stack, desired, state, members, records)
        folder = Path(project.path)
        self._supervise(project, folder, beginning, ports, own_secrets, epoch, records)

    async def _secrets(self, project_id: str) -> StackSecrets:
        def make() -> str:
            return random.token_urlsafe(_SECRET_BYTES)

        return StackSecrets(
            database_password=await self._vault.kept(f"{project_id}.database-password", make),
            secret_key=await self._vault.kept(f"{project_id}.secret-key", make),
        )

    async def _was_asked(self, project_id: str, request: str) -> bool:
        async with self._database.read() as session:
            row = await session.get(ProjectStack, project_id)
            return row is not None and row.last_request == request

    def _refuse_elsewhere(self, row: ProjectStack) -> None:
        if row.owner != self._options.owner and row.state != StackState.STOPPED.value:
            raise StackElsewhereError(
                f"The stack runs under another hub, {row.owner}.",
                hint="Stop it there first.",
            )


def not_running(project: Project) -> StackNotRunningError:
    return StackNotRunningError(
        f"The stack of project {project.name!r} does not run.",
        hint=f"Start it: commandcenter project start {project.name}",
    )


def _preparing(stack: Stack, place: Place) -> Callable[[str, int], Prepared]:
    def prepare_service(name: str, number: int) -> Prepared:
        if os.path.realpath(place.folder) != str(place.folder) or not place.folder.is_dir():
            raise FolderNotFoundError(
                f"The project's folder {place.folder} is gone, or has become a link.",
                hint="Put it back, or add the project from where it is now.",
            )
        service = stack.service(name)
        if service is None:
            raise LookupError(name)
        return prepare(service, number, place)

    return prepare_service


async def _store_services(
    session: AsyncSession, project_id: str, stack: Stack
) -> dict[str, ServiceRecord]:
    """Store the services as pending; attempt numbers go on from where they were."""
    query = select(StackService).where(StackService.project_id == project_id)
    rows = {row.name: row for row in await session.scalars(query)}
    now = utc_now()
    for row in rows.values():
        row.is_defined = False
    for position, service in enumerate(stack.services):
        if service.name not in rows:
            rows[service.name] = StackService(project_id=project_id, name=service.name, number=0)
            session.add(rows[service.name])
        row = rows[service.name]
        row.position = position
        row.is_defined = True
        row.state = ServiceState.PENDING.value
        row.message = ""
        row.was_healthy = False
        row.failures = row.restarts = 0
        row.exit_code = None
        row.handle = None
        row.limits = _limits(service)
        row.health_words, row.health_at = "", None
        row.started_at = None
        row.changed_at = now
        row.runs_as = row.runs_as or ""
    await session.flush()
    return {service.name: record_of(rows[service.name]) for service in stack.services}


def _limits(service: Service) -> dict[str, Any]:
    limits = effective_limits(service.limits)
    return {"cpus": limits.cpu, "memory_bytes": limits.memory_bytes, "pids": limits.pids}


def _found(name: str, stack: Stack, stored: ServiceRecord, desired: Desired) -> Member:
    """Return the member as it goes on after the hub was away."""
    state = stored.state
    if state is ServiceState.STOPPING:
        # Whether it was told to end is not known: it is told again, if that is still wanted.
        state = ServiceState.HEALTHY if stored.was_healthy else ServiceState.STARTING
    elif state is ServiceState.UNHEALTHY:
        state = ServiceState.HEALTHY  # asked anew; the misses are counted again
    elif state is ServiceState.STOPPED and desired is Desired.RUNNING:
        state = ServiceState.PENDING
    service = stack.service(name)
    if service is None:
        raise LookupError(name)
    return Member(
        name,
        service.restart,
        state=state,
        number=stored.number,
        was_healthy=stored.was_healthy,
        failures=stored.failures,
        restarts=stored.restarts,
        message=stored.message,
    )


def _request(caller: Caller, what: str, key: str | None) -> str | None:
    return None if key is None else f"{caller.principal_id} {what} {key}"[:400]


def _sealed_for(project_id: str, epoch: int) -> str:
    return f"stack:{project_id}:{epoch}"
