"""What is now of the stacks of this hub: for its metrics and its health."""

import asyncio
from collections import Counter
from collections.abc import Sequence

from sqlalchemy import func, select

from commandcenter.hub.health import Check, CheckResult, Health
from commandcenter.kit.database import Database
from commandcenter.models import Project, ProjectStack, StackService
from commandcenter.observability.stack_metrics import ServiceNumbers, StackMetrics
from commandcenter.stacks.service import StackManager
from commandcenter.stacks.states import ServiceState, StackState

_MAX_SERVICES = 500  # whose use is shown; their names are labels
_MAX_NAMED = 5
_WELL = frozenset({ServiceState.HEALTHY.value, ServiceState.COMPLETED.value})


class StackNumbers:
    def __init__(self, database: Database, stacks: StackManager, metrics: StackMetrics) -> None:
        self._database = database
        self._stacks = stacks
        self._metrics = metrics

    async def show(self) -> None:
        """Set the metrics to what is now."""
        async with self._database.read() as session:
            stacks = await session.execute(
                select(ProjectStack.state, func.count()).group_by(ProjectStack.state)
            )
            self._metrics.stacks.clear()
            for state, count in stacks:
                self._metrics.stacks.labels(state).set(count)
            services = await session.execute(
                select(StackService.state, func.count())
                .where(StackService.is_defined)
                .group_by(StackService.state)
            )
            self._metrics.services.clear()
            for state, count in services:
                self._metrics.services.labels(state).set(count)
            query = (
                select(Project.name, StackService)
                .join(ProjectStack, ProjectStack.project_id == StackService.project_id)
                .join(Project, Project.id == StackService.project_id)
                .where(StackService.is_defined, ProjectStack.state != StackState.STOPPED.value)
                .order_by(Project.name, StackService.position)
                .limit(_MAX_SERVICES)
            )
            rows = list((await session.execute(query)).tuples())
        self._metrics.show_services(
            await asyncio.gather(*(self._numbers(name, row) for name, row in rows))
        )

    async def _numbers(self, project: str, row: StackService) -> ServiceNumbers:
        supervisor = self._stacks.supervisor(row.project_id)
        stats = None if supervisor is None else await supervisor.stats(row.name)
        is_healthy = row.state in _WELL
        if stats is None:
            return ServiceNumbers(project, row.name, is_healthy)
        return ServiceNumbers(
            project,
            row.name,
            is_healthy,
            stats.cpu_seconds,
            stats.memory_bytes,
            stats.actual_cpu,
            stats.actual_memory_bytes,
        )


def stacks_check(database: Database, stacks: StackManager, owner: str) -> Check:
    """Check that whatever is not stopped is looked after. Its value is the stacks that run.

    A stack in error is the project's affair, and does not make the hub unwell; it is named.
    """

    async def check() -> CheckResult:
        query = (
            select(Project.name, ProjectStack.project_id, ProjectStack.state)
            .join(Project, Project.id == ProjectStack.project_id)
            .where(ProjectStack.owner == owner, ProjectStack.state != StackState.STOPPED.value)
            .order_by(Project.name)
        )
        async with database.read() as session:
            rows = list((await session.execute(query)).tuples())
        counts = Counter(state for _, _, state in rows)
        running = counts[StackState.RUNNING.value]
        alone = [name for name, project, _ in rows if stacks.supervisor(project) is None]
        if alone:
            return CheckResult(Health.DEGRADED, f"nobody looks after {_named(alone)}", running)
        failed = [name for name, _, state in rows if state == StackState.ERROR.value]
        return CheckResult(detail=f"in error: {_named(failed)}" if failed else "", value=running)

    return check


def _named(names: Sequence[str]) -> str:
    more = len(names) - _MAX_NAMED
    return ", ".join(names[:_MAX_NAMED]) + (f" and {more} more" if more > 0 else "")
