"""Starting, stopping and restarting the stacks of projects, on people's word."""

import asyncio
import logging
from collections import defaultdict

from sqlalchemy import or_, select

from commandcenter.auth.audit import record
from commandcenter.auth.identity import SYSTEM, Caller
from commandcenter.events.store import EventStore
from commandcenter.events.types import EventType
from commandcenter.kit.database import Database
from commandcenter.kit.draining import Draining
from commandcenter.kit.errors import ProblemError
from commandcenter.models import Project, ProjectStack
from commandcenter.projects.service import ProjectService
from commandcenter.stacks.asking import Asked, not_running, request_mark
from commandcenter.stacks.begin import StackBeginnings
from commandcenter.stacks.definition import Wishes
from commandcenter.stacks.errors import StackBusyError, UnknownServiceError
from commandcenter.stacks.found_again import FoundStacks
from commandcenter.stacks.pending import limited, next_limits
from commandcenter.stacks.rows import read_services
from commandcenter.stacks.snapshot import SnapshotError
from commandcenter.stacks.states import Desired, StackState
from commandcenter.stacks.supervisor import StackSupervisor

logger = logging.getLogger(__name__)

_UP = frozenset({StackState.STARTING, StackState.RUNNING})
_BEING_REPLACED = frozenset({StackState.STOPPING.value, StackState.STOPPED.value})


class StackManager:
    """All stacks of this hub. Commands for one project are done one after the other."""

    def __init__(
        self,
        database: Database,
        events: EventStore,
        projects: ProjectService,
        beginnings: StackBeginnings,
        draining: Draining,
    ) -> None:
        self._database = database
        self._events = events
        self._projects = projects
        self._beginnings = beginnings
        self._draining = draining
        self._supervisors: dict[str, StackSupervisor] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._replacing: dict[str, asyncio.Task[None]] = {}
        self._reserved: dict[str, str] = {}  # projects: why nothing is done with their stacks

    def supervisor(self, project_id: str) -> StackSupervisor | None:
        """Return who looks after the project's stack; None when it is stopped."""
        found = self._supervisors.get(project_id)
        return None if found is None or found.has_ended else found

    async def reserve(self, project_id: str, why: str) -> StackSupervisor | None:
        """Have commands for a stopped stack refused until `release`; else who looks after it.

        Raises `StackBusyError` if it is reserved already.
        """
        async with self._locks[project_id]:
            running = self.supervisor(project_id)
            if running is None:
                self._refuse_reserved(project_id)
                self._reserved[project_id] = why
            return running

    def release(self, project_id: str) -> None:
        """Take commands again; idempotent."""
        self._reserved.pop(project_id, None)

    def _refuse_reserved(self, project_id: str) -> None:
        why = self._reserved.get(project_id)
        if why is not None:
            raise StackBusyError(why, hint="Wait until that is done.")

    def alone(self, project_id: str) -> asyncio.Lock:
        """Return what is held while something is done to the project's stack."""
        return self._locks[project_id]

    async def open(self, reference: str) -> Project:
        """Return the project, if commands for its stack are taken now."""
        project = await self._projects.get(reference)
        self._refuse_reserved(project.id)
        return project

    def is_replacing(self, project_id: str) -> bool:
        """Whether what runs is being stopped to be started anew."""
        return project_id in self._replacing

    async def start(self, caller: Caller, reference: str) -> Asked:
        """Have the project's stack running; returns once that is on record and under way.

        Starting what runs is no change. Raises the errors of `StackBeginnings.ready` and `begin`.
        """
        self._draining.refuse_new_work()
        project = await self.open(reference)
        async with self._locks[project.id]:
            running = self.supervisor(project.id)
            if running is None:
                self._refuse_reserved(project.id)
                await self._begin(caller, project, None)
                return Asked(project, changed=True)
            is_up = running.desired is Desired.RUNNING and running.state in _UP
            if is_up or self.is_replacing(project.id):
                return Asked(project, changed=False)
            await self._replace(caller, project, running, "stack.start", None)
        return Asked(project, changed=True)

    async def stop(self, caller: Caller, reference: str) -> Asked:
        """Have the stack stopped; stopping what is stopped is no change."""
        project = await self.open(reference)
        replacing = self._replacing.pop(project.id, None)
        if replacing is not None:
            replacing.cancel()
        async with self._locks[project.id]:
            running = self.supervisor(project.id)
            async with self._database.write() as session:
                row = await session.get(ProjectStack, project.id)
                if row is None or (running is None and row.state == StackState.STOPPED.value):
                    return Asked(project, changed=False)
                self._beginnings.refuse_elsewhere(row)
                is_new = row.desired != Desired.STOPPED.value
                row.desired = Desired.STOPPED.value
                await session.flush()
                if is_new:
                    await record(session, caller, "stack.stop", project.id, {"name": project.name})
            if running is not None:
                running.ask(Desired.STOPPED)
                await running.settled()
        return Asked(project, changed=is_new)

    async def restart(self, caller: Caller, reference: str, *, key: str | None = None) -> Asked:
        """Stop the stack and start it with the definition as it is now; returns at once.

        What stands against the start is raised before anything is stopped. The same caller and
        `Idempotency-Key` again is no change.
        """
        self._draining.refuse_new_work()
        project = await self.open(reference)
        request = request_mark(caller, "restart", key)
        async with self._locks[project.id]:
            if self.is_replacing(project.id) or await self._was_asked(project.id, request):
                return Asked(project, changed=False)
            running = self.supervisor(project.id)
            if running is None:
                self._refuse_reserved(project.id)
                await self._begin(caller, project, request)
            else:
                await self._replace(caller, project, running, "stack.restart", request)
        return Asked(project, changed=True)

    async def restart_service(
        self, caller: Caller, reference: str, service: str, *, key: str | None = None
    ) -> Asked:
        """Restart one service without the rest, with the limits people want; returns at once.

        Raises `UnknownServiceError` and `StackNotRunningError`.
        """
        self._draining.refuse_new_work()
        project = await self.open(reference)
        request = request_mark(caller, f"restart {service[:200]}", key)
        async with self._locks[project.id]:
            known = await self.service_names(project)
            if service not in known:
                raise UnknownServiceError(service, known)
            running = self.supervisor(project.id)
            if running is None or running.desired is Desired.STOPPED:
                raise not_running(project)
            if await self._was_asked(project.id, request):
                return Asked(project, changed=False)
            async with self._database.write() as session:
                row = await session.get_one(ProjectStack, project.id)
                row.last_request = request
                wish = Wishes.of(row.wishes).limits.get(service)
                limits = next_limits(running.roster.watched[service].limits or {}, wish)
                self._beginnings.keep(row, limited(running.roster.stack, service, limits))
                await session.flush()
                data = {"name": project.name, "service": service}
                await record(session, caller, "stack.service_restart", project.id, data)
            running.ask_restart(service, limits)
            await running.settled()
        return Asked(project, changed=True)

    async def service_names(self, project: Project) -> tuple[str, ...]:
        """Return the services of the stack as it was started last, else of the folder now.

        Raises what stands against reading the folder: nobody could name a service before.
        """
        async with self._database.read() as session:
            rows = await read_services(session, project.id)
        if rows:
            return tuple(row.name for row in rows)
        return (await self._beginnings.outline(project)).services

    async def take_over(self) -> int:
        """Find again what ran when an earlier hub ended; how many stacks that are."""
        async with self._database.read() as session:
            is_up = ProjectStack.state != StackState.STOPPED.value
            # Stopped, and to run: between the two halves of a restart.
            is_to_run = ProjectStack.desired == Desired.RUNNING.value
            query = select(ProjectStack).where(
                ProjectStack.owner == self._beginnings.options.owner, or_(is_up, is_to_run)
            )
            rows = list(await session.scalars(query))
        found = FoundStacks(self._database, self._projects, self._beginnings)
        await found.resume(rows)
        for row in rows:
            made = None
            try:
                if row.state != StackState.STOPPED.value:
                    made = await found.take_over(row)
            except (ProblemError, SnapshotError, LookupError, OSError) as error:
                logger.warning("the stack of %s cannot be taken over: %s", row.project_id, error)
                await found.abandon(row, str(error))
                continue
            if made is not None:
                self._supervisors[row.project_id] = made
            if row.desired == Desired.RUNNING.value and row.state in _BEING_REPLACED:
                project = await self._projects.get(row.project_id)
                self._start_after(SYSTEM, project, made, row.last_request)
        return len(rows)

    async def close(self) -> None:
        """Let go of all stacks; they go on running."""
        replacing = list(self._replacing.values())
        for task in replacing:
            task.cancel()
        await asyncio.gather(*replacing, return_exceptions=True)
        await asyncio.gather(*(each.leave() for each in self._supervisors.values()))

    async def _begin(self, caller: Caller, project: Project, request: str | None) -> None:
        ready = await self._beginnings.ready(project)
        self._supervisors[project.id] = await self._beginnings.begin(
            caller, project, ready, request
        )

    async def _replace(
        self,
        caller: Caller,
        project: Project,
        running: StackSupervisor,
        action: str,
        request: str | None,
    ) -> None:
        """Have what runs stopped, and the stack as it is defined now started after it."""
        # Before anything is stopped.
        ready = await self._beginnings.ready(project)
        await self._beginnings.refuse_ports(project, ready.found, running.roster.active)
        async with self._database.write() as session:
            row = await session.get_one(ProjectStack, project.id)
            # By both together the next hub knows what was begun here.
            row.desired, row.state = Desired.RUNNING.value, StackState.STOPPING.value
            row.last_request = request
            await session.flush()
            await record(session, caller, action, project.id, {"name": project.name})
        running.ask(Desired.STOPPED)
        self._start_after(caller, project, running, request)

    def _start_after(
        self, caller: Caller, project: Project, running: StackSupervisor | None, request: str | None
    ) -> None:
        """Have the stack started once what runs of it has ended."""
        self._replacing[project.id] = asyncio.create_task(
            self._begin_after(caller, project, running, request)
        )

    async def _begin_after(
        self, caller: Caller, project: Project, running: StackSupervisor | None, request: str | None
    ) -> None:
        if running is not None:
            await running.wait_ended()
        async with self._locks[project.id]:
            try:
                await self._begin(caller, project, request)
            except ProblemError as error:
                await self.could_not_begin(project, error)
            except Exception:
                logger.exception("the stack of %s could not be started again", project.id)
            finally:
                self._replacing.pop(project.id, None)

    async def could_not_begin(self, project: Project, error: ProblemError) -> None:
        """Put it on record why a stack that was to be started by now is not."""
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

    async def _was_asked(self, project_id: str, request: str | None) -> bool:
        if request is None:
            return False
        async with self._database.read() as session:
            row = await session.get(ProjectStack, project_id)
            return row is not None and row.last_request == request
