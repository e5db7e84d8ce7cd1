"""The present findings of projects: what the newest result of each step says, from the records."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncSession

from commandcenter.engine.states import StepState
from commandcenter.kit.database import Database
from commandcenter.kit.errors import InvalidInputError
from commandcenter.models import Agent, Project, Run, Step
from commandcenter.runs.findings import (
    Finding,
    Level,
    Source,
    findings_in,
    gravest_first,
    without_repetition,
)

# One request reads no more, however much there is.
MOST_RUNS = 500
_MOST_STEPS = 100
_MOST_FINDINGS = 20_000


class FindingsChangedError(InvalidInputError):
    code = "findings_changed"
    title = "The list has changed"


@dataclass(frozen=True, slots=True)
class FindingPage:
    """`counts` are of all levels, whatever was asked for. `is_cut`: not everything was read."""

    items: Sequence[Finding]
    has_more: bool
    counts: Mapping[Level, int]
    is_cut: bool


class FindingList:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, *, project_id: str | None, level: Level | None, after: str | None, limit: int
    ) -> FindingPage:
        """Return findings, the gravest first; `after` is the id of the last one seen.

        Looks at the newest 500 runs. Raises `FindingsChangedError` when a newer run has replaced
        the one that `after` is from.
        """
        async with self._database.read() as session:
            found, is_cut = await _read(session, project_id)
        counts = Counter(each.level for each in found)
        wanted = gravest_first([each for each in found if level in {None, each.level}])
        start = 0
        if after is not None:
            places = {each.id: index for index, each in enumerate(wanted)}
            if after not in places:
                raise FindingsChangedError(
                    "A newer run has other findings than those listed so far.",
                    hint="Begin at the first page again.",
                )
            start = places[after] + 1
        return FindingPage(
            items=wanted[start : start + limit],
            has_more=len(wanted) > start + limit,
            counts=counts,
            is_cut=is_cut,
        )


async def _read(session: AsyncSession, project_id: str | None) -> tuple[list[Finding], bool]:
    sources, is_cut = await _newest_steps(session, project_id)
    found: list[Finding] = []
    for source in sources:  # one at a time: outputs may be large
        query = select(Step.outputs).where(Step.run_id == source.run_id, Step.node == source.node)
        outputs = await session.scalar(query)
        found += findings_in(outputs or {}, source)
        if len(found) > _MOST_FINDINGS:
            is_cut = True
            break
    return without_repetition(found), is_cut


async def _newest_steps(session: AsyncSession, project_id: str | None) -> tuple[list[Source], bool]:
    """Return the newest step with a result of each workflow's node in each project."""
    runs = (
        select(Run.id)
        .where(Run.project_id == project_id if project_id else Run.project_id.is_not(None))
        .order_by(Run.created_at.desc())
        .limit(MOST_RUNS)
    )
    columns = (Run.id, Run.workflow_name, Run.agents, Run.project_id, Run.created_at)
    query = (
        select(Step.node, Project.name.label("project"), Run.finished_at, *columns)
        .join(Run, Run.id == Step.run_id)
        .join(Project, Project.id == Run.project_id)
        .where(Run.id.in_(runs), Step.state == StepState.SUCCEEDED.value)
        .order_by(Run.created_at.desc(), Step.position)
    )
    newest: dict[tuple[str, str, str], Row[Any]] = {}
    for row in await session.execute(query):
        newest.setdefault((row.project_id, row.workflow_name, row.node), row)
    chosen = list(newest.values())[:_MOST_STEPS]
    ids = {row.agents[row.node] for row in chosen}
    agents = {
        agent.id: agent.name
        for agent in await session.scalars(select(Agent).where(Agent.id.in_(ids)))
    }
    sources = [
        Source(
            run_id=row.id,
            node=row.node,
            workflow=row.workflow_name,
            agent=agents.get(row.agents[row.node], ""),
            project_id=row.project_id,
            project=row.project,
            at=row.finished_at or row.created_at,
        )
        for row in chosen
    ]
    return sources, len(newest) > _MOST_STEPS
