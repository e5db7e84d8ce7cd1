"""Forks: copies of a project's stack with its data, made, and discarded again.

What is to be done is on record before it is done. After a crash a copy that was not complete is
taken back, one that was is started, and a discard is brought to its end.
"""

import asyncio
import logging
import shutil
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from commandcenter.auth.caller import need
from commandcenter.auth.identity import SYSTEM, Caller
from commandcenter.auth.permissions import Permission
from commandcenter.kit.draining import Draining
from commandcenter.kit.errors import ProblemError
from commandcenter.kit.ids import new_id
from commandcenter.models import Project, StackFork
from commandcenter.projects.service import ProjectService
from commandcenter.runtimes.base import Runtime
from commandcenter.stacks.asking import request_mark
from commandcenter.stacks.begin import StackBeginnings
from commandcenter.stacks.errors import (
    ForkGivenUpError,
    ForkNotFoundError,
    NotAForkError,
    StackBusyError,
)
from commandcenter.stacks.fork_copy import Copied, StackCopier, VolumeCopy
from commandcenter.stacks.fork_phases import CopyProgress, ForkPhase
from commandcenter.stacks.fork_records import ForkRecords, ForkWish
from commandcenter.stacks.service import StackManager
from commandcenter.stacks.states import Desired, StackState
from commandcenter.stacks.stored import volumes_of

logger = logging.getLogger(__name__)

_FORKABLE = frozenset({StackState.RUNNING, StackState.ERROR})


@dataclass(frozen=True, slots=True)
class Forked:
    """What became of the wish. `changed` is False when the same request came before."""

    fork: StackFork
    project: Project
    changed: bool


class Forks:
    """All forks of this hub. One is copied at a time."""

    def __init__(
        self,
        records: ForkRecords,
        beginnings: StackBeginnings,
        stacks: StackManager,
        projects: ProjectService,
        draining: Draining,
    ) -> None:
        self._records = records
        self._beginnings = beginnings
        self._stacks = stacks
        self._projects = projects
        self._draining = draining
        self._copying = asyncio.Lock()
        self._progress: dict[str, CopyProgress] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def progress(self, project_id: str) -> CopyProgress | None:
        """Return how far the copy for this project is; None if none is being made."""
        return self._progress.get(project_id)

    async def get(self, reference: str) -> StackFork:
        """Return what became of a fork, by its project's id or name, also of one given up."""
        found = await self._records.find(reference)
        if found is None:
            raise ForkNotFoundError(
                f"There is no fork {reference[:100]!r}.",
                hint="commandcenter project list shows which projects are forks.",
            )
        return found

    async def fork(
        self,
        caller: Caller,
        reference: str,
        *,
        name: str,
        starts: bool,
        max_pause_seconds: float,
        key: str | None,
    ) -> Forked:
        """Have the project's stack copied under a new name; returns once that is on record.

        The same caller and `Idempotency-Key` again is no change. Raises `NothingToForkError`,
        `StackBusyError`, `ProjectNameTakenError`, DiskFullError, and what stands against a start.
        """
        self._draining.refuse_new_work()
        need(caller, Permission.STACKS_RUN)
        origin = await self._projects.get(reference)
        request = request_mark(caller, f"fork {origin.id}", key)
        known = await self._records.asked_before(request)
        if known is None:
            self._refuse_unsettled(origin)
            runtime = await self._records.runtime_of(origin.id)
            copies = await self._volumes(origin, runtime)
            progress = CopyProgress()
            for source in copies:
                progress.sizes[source.name] = await runtime.check_room([source])
            await runtime.check_room(list(copies))
            wish = ForkWish(new_id("project"), name, starts, max_pause_seconds, request)
            known, project = await self._create(caller, origin, wish)
            if project is not None:
                self._progress[project.id] = progress
                self._run(known, self._make(caller, origin, known, copies))
                return Forked(known, project, changed=True)
        if known.phase in {ForkPhase.UNDOING, ForkPhase.FAILED}:
            raise ForkGivenUpError(known.reason)
        return Forked(known, await self._projects.get(known.project_id), changed=False)

    async def _create(
        self, caller: Caller, origin: Project, wish: ForkWish
    ) -> tuple[StackFork, Project | None]:
        """Put it on record; nobody can start it before its data is there."""
        await self._stacks.reserve(wish.project_id, f"{wish.name} is still being copied.")
        project = None
        try:
            fork, project = await self._records.create(caller, origin, wish)
        finally:
            if project is None:
                self._stacks.release(wish.project_id)
        return fork, project

    async def discard(self, caller: Caller, reference: str) -> StackFork:
        """Have a fork stopped and forgotten with all its data; returns once that is on record.

        Raises `NotAForkError` and `ProjectBusyError`.
        """
        need(caller, Permission.STACKS_RUN)
        project = await self._projects.get(reference)
        if project.forked_from is None:
            raise NotAForkError(
                f"Project {project.name!r} is not a fork, and its data is not discarded.",
                hint="To forget the project and keep its data: "
                f"commandcenter project remove {project.name}",
            )
        fork = await self.get(project.id)
        if fork.phase == ForkPhase.DISCARDING and project.id in self._tasks:
            return fork
        await self._records.refuse_busy(project)
        making = self._tasks.get(project.id)
        if making is not None:
            making.cancel()
            await asyncio.wait([making])
        await self._records.enter(fork, ForkPhase.DISCARDING, caller=caller)
        self._stacks.release(project.id)
        self._run(fork, self._discard(caller, fork))
        return fork

    async def take_over(self) -> None:
        """After a crash, once the stacks are taken over: take back or go on with each fork."""
        for fork in await self._records.unfinished():
            if fork.phase == ForkPhase.COPYING:
                why = "The hub ended while it was copied. Fork it again."
                await self._records.enter(fork, ForkPhase.UNDOING, reason=why)
            if fork.phase == ForkPhase.UNDOING:
                await self._stacks.reserve(fork.project_id, f"{fork.name} is being taken back.")
                await self._undo(fork)
            elif fork.phase == ForkPhase.STARTING:
                self._run(fork, self._start(SYSTEM, fork))
            elif fork.phase == ForkPhase.DISCARDING:
                self._run(fork, self._discard(SYSTEM, fork))

    async def close(self) -> None:
        """Let go of everything; a copy under way is taken back by the next hub."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _run(self, fork: StackFork, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name=f"fork {fork.name}")
        self._tasks[fork.project_id] = task

        def ended(_: asyncio.Task[None]) -> None:
            if self._tasks.get(fork.project_id) is task:
                del self._tasks[fork.project_id]

        task.add_done_callback(ended)

    def _refuse_unsettled(self, origin: Project) -> None:
        running = self._stacks.supervisor(origin.id)
        if running is None:
            return
        if self._stacks.is_replacing(origin.id) or running.state not in _FORKABLE:
            raise StackBusyError(
                f"The stack of project {origin.name!r} {running.state.words}.",
                hint=f"Wait until it is up: commandcenter project status {origin.name}",
            )

    async def _volumes(self, origin: Project, runtime: Runtime) -> dict[Path, str]:
        """Return the volumes there are, each with the service that it is of."""
        stack, _ = await self._records.stack_of(origin)
        return volumes_of(stack, await runtime.volumes(origin.id))

    async def _make(
        self, caller: Caller, origin: Project, fork: StackFork, sources: dict[Path, str]
    ) -> None:
        why = ""
        try:
            runtime = await self._records.runtime_of(fork.project_id)
            async with self._copying:
                copied = await self._copy(origin, fork, sources, runtime)
                await runtime.sync_volumes(fork.project_id)
            phase = ForkPhase.STARTING if fork.starts else ForkPhase.READY
            await self._records.enter(fork, phase, copied=copied)
            self._stacks.release(fork.project_id)
        except asyncio.CancelledError:
            self._stacks.release(fork.project_id)
            raise
        except ProblemError as error:
            why = f"{error.detail} {error.hint or ''}".strip()
        except Exception:
            logger.exception("the fork %s could not be made", fork.name)
            why = "The hub failed; its log tells more."
        finally:
            self._progress.pop(fork.project_id, None)
        if why:
            await self._records.enter(fork, ForkPhase.UNDOING, reason=why)
            await self._undo(fork)
        elif fork.starts:
            await self._start(caller, fork)

    async def _copy(
        self, origin: Project, fork: StackFork, sources: dict[Path, str], runtime: Runtime
    ) -> Copied:
        home = self._beginnings.options.data_directory / "volumes" / fork.project_id
        copies = [
            VolumeCopy(source, home / source.name, service) for source, service in sources.items()
        ]
        copier = StackCopier(runtime, copies, self._progress[fork.project_id])
        words = f"paused for a copy to {fork.name}"
        running = await self._stacks.reserve(origin.id, f"{origin.name} is being copied.")
        if running is not None:
            self._refuse_unsettled(origin)
            return await copier.copy_running(running, words, fork.max_pause_seconds)
        try:
            return await copier.copy_stopped()
        finally:
            self._stacks.release(origin.id)

    async def _start(self, caller: Caller, fork: StackFork) -> None:
        try:
            await self._stacks.start(caller, fork.project_id)
        except ProblemError as error:
            with suppress(ProblemError):
                project = await self._projects.get(fork.project_id)
                await self._stacks.could_not_begin(project, error)
        await self._records.enter(fork, ForkPhase.READY)

    async def _undo(self, fork: StackFork) -> None:
        """Take back what was made. What cannot be now is by a discard, or the next start."""
        try:
            await self._erase(SYSTEM, fork)
        except Exception:
            logger.exception("the fork %s is not taken back yet", fork.name)
        else:
            self._stacks.release(fork.project_id)

    async def _discard(self, caller: Caller, fork: StackFork) -> None:
        why = f"{fork.name} is being discarded."
        try:
            while running := await self._stacks.reserve(fork.project_id, why):
                running.ask(Desired.STOPPED)
                await running.wait_ended()
            try:
                await self._erase(caller, fork)
            finally:
                self._stacks.release(fork.project_id)
        except Exception:
            logger.exception("the fork %s is not discarded yet", fork.name)

    async def _erase(self, caller: Caller, fork: StackFork) -> None:
        """Remove data, logs and records; idempotent."""
        runtime = await self._records.runtime_of(fork.project_id)
        with suppress(ProblemError):
            await runtime.remove_network(fork.project_id)
        await runtime.remove_volumes(fork.project_id)
        logs = self._beginnings.options.data_directory / "logs" / fork.project_id
        await asyncio.to_thread(shutil.rmtree, logs, ignore_errors=True)
        await self._records.erase(caller, fork)
