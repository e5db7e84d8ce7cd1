"""Bringing a stack under supervision: from its definition, or from the records after a restart."""

import asyncio
import secrets as random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select

from commandcenter.auth.audit import record
from commandcenter.auth.identity import Caller
from commandcenter.events.store import EventStore
from commandcenter.events.types import EventType
from commandcenter.kit.clock import utc_now
from commandcenter.kit.database import Database
from commandcenter.kit.errors import ProblemError
from commandcenter.models import Project, ProjectStack, StackPort
from commandcenter.projects.service import ProjectService
from commandcenter.runtimes.base import Runtime
from commandcenter.secrets.service import SecretService
from commandcenter.stacks.default_stack import StackSecrets
from commandcenter.stacks.definition import Definition, Wishes, check_wishes, outline
from commandcenter.stacks.errors import StackCannotStartError, StackElsewhereError
from commandcenter.stacks.limits import refuse_unenforced
from commandcenter.stacks.member import Member
from commandcenter.stacks.model import Stack
from commandcenter.stacks.port_giving import give_ports, plan_ports
from commandcenter.stacks.ports import Key, check_free, claimed_ports
from commandcenter.stacks.preparing.facts import facts_of
from commandcenter.stacks.preparing.place import Place
from commandcenter.stacks.preparing.preparer import Preparer
from commandcenter.stacks.probe import Answer
from commandcenter.stacks.recorder import ServiceRecord, StackRecord, StackRecorder
from commandcenter.stacks.roster import Beginning
from commandcenter.stacks.rows import store_services
from commandcenter.stacks.runtime_choice import RuntimeChoice
from commandcenter.stacks.snapshot import to_text
from commandcenter.stacks.states import Desired, StackState
from commandcenter.stacks.stored import StoredDefinition, seal, stored_stack
from commandcenter.stacks.supervisor import StackSupervisor

_SECRET_BYTES = 32
_GRACE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class StackOptions:
    owner: str  # this hub, the same after each restart
    data_directory: Path
    ports: range  # given to services that ask for none
    on_answer: Callable[[Answer], None]  # hears how each probe went


@dataclass(frozen=True, slots=True)
class Ready:
    """What a start needs, looked at before anything is changed."""

    found: Definition
    folder: Path
    secrets: StackSecrets
    runtime: str
    notes: tuple[str, ...] = ()  # what this machine does not enforce


class StackBeginnings:
    def __init__(
        self,
        database: Database,
        events: EventStore,
        projects: ProjectService,
        vault: SecretService,
        runtimes: RuntimeChoice,
        options: StackOptions,
    ) -> None:
        self._database = database
        self._events = events
        self._projects = projects
        self._vault = vault
        self.runtimes = runtimes
        self.options = options

    async def outline(self, project: Project) -> Definition:
        """Return what the project's folder brings now; for a fork, what its origin ran."""
        folder = await self._projects.folder(project)
        async with self._database.read() as session:
            row = await session.get(ProjectStack, project.id)
        wishes = Wishes.of(row.wishes) if row is not None else Wishes()
        if row is not None and project.forked_from is not None:
            return StoredDefinition(self.kept(row), row.source, wishes)
        return await asyncio.to_thread(outline, project.name, folder, wishes)

    async def problems(self, project: Project) -> Sequence[Mapping[str, Any]]:
        """Return one by one what is wrong with the project's compose file now."""
        try:
            await self.outline(project)
        except ProblemError as error:
            return tuple(error.fields.get("problems", ()))
        return ()

    async def ready(self, project: Project) -> Ready:
        """Return what a start needs.

        Raises `UnknownRuntimeError`, `RuntimeRefusedError`, `LimitsNotEnforcedError`, the errors of
        the compose reader, of the project's folder, and `StackCannotStartError` for all that no
        number of tries would change.
        """
        found = await self.outline(project)
        name = found.wishes.runtime or self.runtimes.usual
        runtime, can = await self.runtimes.able(name)
        check_wishes(found)
        notes = refuse_unenforced(can, found.wishes.accept_unenforced, project.name)
        folder = await self._projects.folder(project)
        own = await self.secrets(project.id)
        place = self.place(project.id, folder, {}, own, found.wishes, found.source())
        try:
            await Preparer(found.stack({}, own), place, runtime).check()
        except StackCannotStartError as error:
            raise await self.runtimes.with_way_out(error, project.name) from error
        return Ready(found, folder, own, name, notes)

    async def refuse_ports(
        self, project: Project, found: Definition, running: Collection[str]
    ) -> None:
        """Raise what `begin` would about ports; those of the services that run are to be free."""
        async with self._database.read() as session:
            own = select(StackPort.host_port).where(
                StackPort.project_id == project.id, StackPort.service.in_(running)
            )
            in_use = frozenset(await session.scalars(own))
            ports = await plan_ports(
                session,
                owner=self.options.owner,
                project_id=project.id,
                needs=found.port_needs,
                pool=self.options.ports,
            )
            claimed = await claimed_ports(session, self.options.owner)
        check_free(project.name, ports, besides=in_use, claimed=claimed)

    async def begin(
        self, caller: Caller, project: Project, ready: Ready, request: str | None
    ) -> StackSupervisor:
        """Put the start on record, with its ports, and supervise from there.

        Raises `PortConflictError`, `NoPortLeftError` and `StackElsewhereError`.
        """
        found = ready.found
        async with self._database.write() as session:
            row = await session.get(ProjectStack, project.id, with_for_update=True)
            if row is None:
                row = self.new_row(project.id)
                session.add(row)
            else:
                self.refuse_elsewhere(row)
            row.desired = Desired.RUNNING.value
            row.reason = ""
            row.epoch += 1
            row.runtime = ready.runtime
            row.kept_on = sorted({*row.kept_on, ready.runtime})
            row.owner = self.options.owner
            source = found.source()
            row.source = {**source, "notes": list(dict.fromkeys([*source["notes"], *ready.notes]))}
            row.requested_by = caller.principal_id
            row.last_request = request
            row.last_started_at = row.changed_at = utc_now()
            await session.flush()
            ports = await give_ports(
                session,
                owner=self.options.owner,
                project_id=project.id,
                needs=found.port_needs,
                pool=self.options.ports,
            )
            claimed = await claimed_ports(session, self.options.owner)
            check_free(project.name, ports, besides=frozenset(), claimed=claimed)
            stack = found.stack(ports, ready.secrets)
            self.keep(row, stack)
            row.state = StackState.STARTING.value
            records = await store_services(session, project.id, stack, found.own_limits)
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
        place = self.place(project.id, ready.folder, ports, ready.secrets, found.wishes, source)
        return self.supervise(project, self.runtimes.get(ready.runtime), place, beginning, epoch)

    def new_row(self, project_id: str) -> ProjectStack:
        """Return the row of a stack that was never started."""
        return ProjectStack(
            project_id=project_id,
            desired=Desired.STOPPED.value,
            state=StackState.STOPPED.value,
            reason="",
            epoch=0,
            source={},
            wishes={},
            kept_on=[],
            owner=self.options.owner,
            runtime=self.runtimes.usual,
            changed_at=utc_now(),
        )

    def kept(self, row: ProjectStack) -> Stack:
        """Return what was stored. Raises `SnapshotError` and the errors of the vault."""
        return stored_stack(self._vault, row)

    def keep(self, row: ProjectStack, stack: Stack) -> None:
        """Store what runs from now on, within a transaction."""
        seal(self._vault, row, to_text(stack))

    def refuse_elsewhere(self, row: ProjectStack) -> None:
        """Raise `StackElsewhereError` if another hub has the stack running."""
        if row.owner != self.options.owner and row.state != StackState.STOPPED.value:
            raise StackElsewhereError(
                f"The stack runs under another hub, {row.owner}.", hint="Stop it there first."
            )

    def place(
        self,
        project_id: str,
        folder: Path,
        ports: Mapping[Key, int],
        own: StackSecrets,
        wishes: Wishes,
        source: Mapping[str, Any],
    ) -> Place:
        return Place(
            project_id,
            folder,
            self.options.data_directory,
            ports,
            redact=(own.database_password, own.secret_key),
            accepted=wishes.accept_unenforced,
            is_default=source.get("kind") == "default",
        )

    def supervise(
        self, project: Project, runtime: Runtime, place: Place, beginning: Beginning, epoch: int
    ) -> StackSupervisor:
        recorder = StackRecorder(self._database, self._events, project.id, project.name, epoch)
        records: Mapping[str, ServiceRecord] = beginning.records
        recorder.known(StackRecord(beginning.state), list(records.values()))
        images = {
            name: facts
            for name, record in records.items()
            if (facts := facts_of(record.image)) is not None
        }
        made = StackSupervisor(
            project.id,
            beginning,
            runtime=runtime,
            recorder=recorder,
            prepare=Preparer(beginning.stack, place, runtime, images).prepare,
            on_answer=self.options.on_answer,
        )
        made.begin()
        return made

    async def secrets(self, project_id: str) -> StackSecrets:
        """Return the stack's own, made at the first time."""

        def make() -> str:
            return random.token_urlsafe(_SECRET_BYTES)

        return StackSecrets(
            database_password=await self._vault.kept(secret_names(project_id)[0], make),
            secret_key=await self._vault.kept(secret_names(project_id)[1], make),
        )


def secret_names(project_id: str) -> tuple[str, str]:
    """Return where the vault has the stack's database password and secret key."""
    return f"{project_id}.database-password", f"{project_id}.secret-key"
