"""Logs of services: of the present attempt, or of the last one once it has died."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

from sqlalchemy import select

from commandcenter.kit.database import Database
from commandcenter.kit.segment_reader import SegmentReader
from commandcenter.kit.segments import Record
from commandcenter.logs.service import AttemptLog, LogQuery, LogService
from commandcenter.models import Project, StackService
from commandcenter.stacks.errors import (
    StackLogNotFoundError,
    StackNotRunningError,
    UnknownServiceError,
)
from commandcenter.stacks.preparing.place import attempt_id
from commandcenter.stacks.service import StackManager
from commandcenter.stacks.states import ServiceState


class StackLogs:
    def __init__(
        self, database: Database, directory: Path, logs: LogService, stacks: StackManager
    ) -> None:
        self._logs = logs
        self._database = database
        self._directory = directory
        self._stacks = stacks

    async def open(self, project: Project, service: str, number: int | None = None) -> AttemptLog:
        """Return the log of a service's attempt, the latest unless its number is given.

        Raises `UnknownServiceError`, `StackNotRunningError` when it never ran, and
        `StackLogNotFoundError`.
        """
        async with self._database.read() as session:
            query = select(StackService).where(
                StackService.project_id == project.id, StackService.name == service
            )
            row = await session.scalar(query)
        if row is None:
            known = await self._stacks.service_names(project)
            if service not in known:
                raise UnknownServiceError(service, known)
            raise self._never_ran(project, service)
        if row.number == 0:
            raise self._never_ran(project, service)
        if number is not None and number > row.number:
            raise StackLogNotFoundError(
                f"Service {service!r} has no attempt {number}; its last is {row.number}.",
                hint=f"Of the last: commandcenter project logs {project.name} {service}",
            )
        name = attempt_id(project.id, service, number or row.number)
        directory = self._directory / project.id / name
        is_latest = number is None or number == row.number
        finished = not is_latest or not ServiceState(row.state).is_active
        if finished and not await asyncio.to_thread(directory.is_dir):
            raise StackLogNotFoundError(
                f"Attempt {number or row.number} of {service!r} left no log, or it was deleted.",
                hint=f"A new one begins with a start: commandcenter project start {project.name}",
            )
        return AttemptLog(name, finished, SegmentReader(directory))

    def _never_ran(self, project: Project, service: str) -> StackNotRunningError:
        supervisor = self._stacks.supervisor(project.id)
        none_yet = f"The service {service!r} has not been started yet, so it has no log."
        if supervisor is None or service not in supervisor.roster.members:
            return StackNotRunningError(
                none_yet, hint=f"Start it: commandcenter project start {project.name}"
            )
        member = supervisor.roster.members[service]
        needs = supervisor.roster.needs(service)
        if member.message or not needs:
            why = member.message or f"It is {member.state}."
        else:
            why = f"It waits for {' and '.join(needs)}."
        return StackNotRunningError(
            f"{none_yet} {why}",
            hint=f"See how the others are: commandcenter project status {project.name}",
        )

    async def read(self, log: AttemptLog, query: LogQuery) -> list[Record]:
        """Return the lines asked for. Raises `LogPatternError`."""
        return await self._logs.read(log, query)

    async def before_last(self, log: AttemptLog, lines: int) -> int:
        """Return the number above which the last `lines` are; 0 of a log without any."""
        last = await self._logs.read(log, LogQuery(lines=lines))
        return last[0].number - 1 if last else 0

    def follow(
        self, project: Project, service: str, log: AttemptLog, after: int
    ) -> AsyncGenerator[list[Record], None]:
        """Yield lines above `after` in batches until the attempt's end."""
        number = int(log.attempt_id.rpartition(".")[2])

        def is_over() -> bool:
            supervisor = self._stacks.supervisor(project.id)
            if supervisor is None:
                return True
            member = supervisor.roster.members.get(service)  # None: defined no more
            return member is None or member.number != number or not member.state.is_active

        return self._logs.follow(log, after, is_over=is_over)
