"""Adding, finding and removing projects. Nothing is ever written into a project's folder."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from commandcenter.auth.audit import record
from commandcenter.auth.identity import Caller
from commandcenter.events.store import EventStore
from commandcenter.events.types import EventType
from commandcenter.kit.clock import utc_now
from commandcenter.kit.database import Database
from commandcenter.kit.errors import ProblemError
from commandcenter.kit.ids import new_id
from commandcenter.models import Project
from commandcenter.projects import repository
from commandcenter.projects.adding import FindKept, TakeUp, free_name, kept_for
from commandcenter.projects.advice import advice_about
from commandcenter.projects.errors import (
    PathNotAllowedError,
    ProjectAlreadyAddedError,
    ProjectBusyError,
    ProjectNotFoundError,
)
from commandcenter.projects.folders import FolderListing, list_folder, list_roots
from commandcenter.projects.git_facts import (
    GitFacts,
    GitUnclearError,
    git_facts,
    history_directory,
)
from commandcenter.projects.roots import AllowedRoots

# Counts the runs of a project that have not ended, within the given transaction.
ActiveRuns = Callable[[AsyncSession, str], Awaitable[int]]


BeforeRemoval = Callable[[AsyncSession, Project], Awaitable[None]]
AfterAddition = Callable[[Project], Awaitable[None]]
# Says what is to be known of a project that was just added.
Adviser = Callable[[Project], Awaitable[Sequence[str]]]


@dataclass(frozen=True, slots=True)
class Added:
    project: Project
    created: bool
    warnings: Sequence[str]  # what agents and services will miss


@dataclass(frozen=True, slots=True)
class ProjectState:
    """A project and what its folder is like now."""

    project: Project
    problem: ProblemError | None
    git: GitFacts | None


class ProjectService:
    def __init__(
        self,
        database: Database,
        events: EventStore,
        roots: AllowedRoots,
        active_runs: ActiveRuns,
    ) -> None:
        self._database = database
        self._events = events
        self._roots = roots
        self._active_runs = active_runs
        self._before_removal: list[BeforeRemoval] = []
        self._after_addition: list[AfterAddition] = []
        self._advisers: list[Adviser] = []
        self._find_kept: FindKept | None = None
        self._take_up: TakeUp | None = None

    def before_removal(self, hook: BeforeRemoval) -> None:
        """Have `hook` called in the transaction that removes a project; it may refuse."""
        self._before_removal.append(hook)

    def on_addition(self, find_kept: FindKept, take_up: TakeUp) -> None:
        """Have a folder that was a project before get its id again, and what was kept of it."""
        self._find_kept, self._take_up = find_kept, take_up

    def after_addition(self, hook: AfterAddition) -> None:
        """Have `hook` called once a new project is stored."""
        self._after_addition.append(hook)

    def on_advice(self, adviser: Adviser) -> None:
        """Have `adviser` asked for warnings once a new project is stored."""
        self._advisers.append(adviser)

    async def add(self, caller: Caller, *, path: str, name: str | None = None) -> Added:
        """Make the folder a project, or return the one it is already.

        Raises the path errors of `AllowedRoots.check`, `ProjectNameTakenError`, and
        `ProjectAlreadyAddedError` when the folder is a project under another name than asked for.
        """
        folder = await asyncio.to_thread(self._usable_folder, path)
        warnings = await asyncio.to_thread(advice_about, folder, may_name=self._roots.covers)
        async with self._database.write() as session:
            await repository.lock(session)
            existing = await repository.find_by_path(session, str(folder))
            if existing is not None:
                if name is not None and name != existing.name:
                    raise ProjectAlreadyAddedError(
                        f"{folder} is the project {existing.name!r} already.",
                        hint=f"Use {existing.name!r}, or remove that project first.",
                        fields={"project_id": existing.id},
                    )
                return Added(existing, created=False, warnings=warnings)
            kept, note = await kept_for(session, self._find_kept, folder, name)
            project = Project(
                id=new_id("project") if kept is None else kept.id,
                name=await free_name(session, folder, name) if kept is None else kept.name,
                path=str(folder),
                created_at=utc_now(),
                created_by=caller.principal_id,
            )
            session.add(project)
            await session.flush()
            if self._take_up is not None:
                await self._take_up(session, project)
            warnings = [*warnings, *note]
            await record(
                session,
                caller,
                "project.add",
                project.id,
                {"name": project.name, "path": str(folder)},
            )
            await self._events.append(
                session,
                EventType.PROJECT_ADDED,
                subject=project.id,
                project_id=project.id,
                data={"name": project.name, "path": project.path},
            )
        for hook in self._after_addition:
            await hook(project)
        for adviser in self._advisers:
            warnings = [*warnings, *await adviser(project)]
        return Added(project, created=True, warnings=warnings)

    async def get(self, reference: str) -> Project:
        """Return the project with this id or name."""
        async with self._database.read() as session:
            return await self.find(session, reference)

    async def find(self, session: AsyncSession, reference: str) -> Project:
        """Do the same within a transaction. Raises `ProjectNotFoundError`."""
        project = await repository.find(session, reference)
        if project is None:
            raise ProjectNotFoundError(
                f"There is no project {reference[:100]!r}.",
                hint="commandcenter project list shows them all.",
            )
        return project

    async def state(self, reference: str) -> ProjectState:
        """Return the project with the present facts of its folder."""
        project = await self.get(reference)
        try:
            folder = await self.folder(project)
        except ProblemError as error:
            return ProjectState(project, problem=error, git=None)
        return ProjectState(project, problem=None, git=await git_facts(folder))

    async def folder(self, project: Project) -> Path:
        """Return the project's folder, checked anew: to be called before each use.

        Raises the path errors when the folder is gone, leads elsewhere by now, or is no longer
        allowed.
        """
        folder = await asyncio.to_thread(self._usable_folder, project.path)
        if str(folder) != project.path:
            raise PathNotAllowedError(
                f"The folder of project {project.name!r}, {project.path}, has become a link to "
                f"{folder}.",
                hint=f"If that is meant: commandcenter project add {folder}",
            )
        return folder

    async def page(self, *, after: str | None, limit: int) -> Sequence[Project]:
        """Return at most `limit` projects by name, those after the name `after`."""
        async with self._database.read() as session:
            return await repository.page(session, after=after, limit=limit)

    async def remove(self, caller: Caller, reference: str) -> None:
        """Forget the project; its folder and the history of its runs stay.

        Raises `ProjectBusyError` while one of its runs has not ended.
        """
        async with self._database.write() as session:
            await repository.lock(session)
            project = await self.find(session, reference)
            await self.refuse_busy(session, project)
            await self.erase(session, caller, project, "project.remove")

    async def add_fork(
        self, session: AsyncSession, caller: Caller, origin: Project, project_id: str, name: str
    ) -> Project:
        """Make a project on the folder of another, within a transaction; told nobody yet.

        Raises `ProjectNameTakenError`.
        """
        await repository.lock(session)
        now = utc_now()
        project = Project(
            id=project_id,
            name=await free_name(session, Path(origin.path), name, fork_of=origin.name),
            path=origin.path,
            created_at=now,
            created_by=caller.principal_id,
            forked_from=origin.id,
            forked_from_name=origin.name,
            forked_at=now,
        )
        session.add(project)
        await session.flush()
        return project

    async def refuse_busy(self, session: AsyncSession, project: Project) -> None:
        """Raise `ProjectBusyError` while one of the project's runs has not ended."""
        active = await self._active_runs(session, project.id)
        if active:
            raise ProjectBusyError(
                f"{active} of the runs of project {project.name!r} have not ended.",
                hint=f"Cancel them or wait: commandcenter runs list --project {project.name}",
                fields={"active_runs": active},
            )

    async def erase(
        self, session: AsyncSession, caller: Caller, project: Project, action: str
    ) -> None:
        """Take a project off the records, within a transaction, as the audit's `action`.

        Raises `ProjectBusyError`, and what those say who asked to be told before.
        """
        name = project.name  # after a failed flush the row can no longer be asked
        for hook in self._before_removal:
            await hook(session, project)
        await repository.detach_runs(session, project.id)
        await session.delete(project)
        try:
            # Here and not at the end: it may wait for a run being created, which waits for
            # the locks that are taken below.
            await session.flush()
        except IntegrityError:
            raise ProjectBusyError(f"A run of project {name!r} has just been started.") from None
        await record(
            session,
            caller,
            action,
            project.id,
            {"name": project.name, "path": project.path},
        )
        await self._events.append(
            session,
            EventType.PROJECT_REMOVED,
            subject=project.id,
            project_id=project.id,
            data={"name": project.name},
        )

    async def list_folders(self, path: str | None) -> FolderListing:
        """List the sub-folders of `path`, or the allowed roots."""

        def look() -> FolderListing:
            roots = self._roots.roots()
            if path is None:
                return list_roots(roots)
            return list_folder(self._roots.check(path), roots)

        return await asyncio.to_thread(look)

    def _usable_folder(self, path: str) -> Path:
        folder = self._roots.check(path)
        self._roots.refuse_workspace(folder)
        try:
            history = history_directory(folder)
        except GitUnclearError as error:
            raise PathNotAllowedError(
                f"The repository of {folder} keeps its history elsewhere, and git cannot say "
                f"where: {error}."
            ) from error
        if history is not None and not self._roots.covers(history):
            raise PathNotAllowedError(
                f"The repository of {folder} keeps its history in {history}, "
                "which lies in none of the allowed roots.",
                hint=f"To allow it, on the hub's machine: commandcenter project allow {history}",
            )
        return folder
