from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from commandcenter.models import Attempt, ProjectStack, Run, Step


async def attempt(
    session: AsyncSession, run_id: str, node: str, number: int | None, *, check: bool
) -> Attempt | None:
    """Return the attempt (or check) of that number, or the latest.

    A step that was never attempted has the log of its latest check.
    """
    query = select(Attempt).where(Attempt.run_id == run_id, Attempt.node == node)
    if check:
        query = query.where(Attempt.is_check)
    if number is not None:
        query = query.where(Attempt.number == number, Attempt.is_check.is_(check))
    latest = query.order_by(Attempt.is_check, Attempt.number.desc()).limit(1)
    found: Attempt | None = await session.scalar(latest)
    return found


async def is_finished(session: AsyncSession, attempt_id: str) -> bool:
    query = select(Attempt.finished_at).where(Attempt.id == attempt_id)
    return await session.scalar(query) is not None


async def run_exists(session: AsyncSession, run_id: str) -> bool:
    return await session.get(Run, run_id) is not None


async def step_exists(session: AsyncSession, run_id: str, node: str) -> bool:
    return await session.get(Step, (run_id, node)) is not None


async def nodes(session: AsyncSession, run_id: str) -> list[str]:
    query = select(Step.node).where(Step.run_id == run_id).order_by(Step.position).limit(50)
    return list(await session.scalars(query))


async def finished_at(
    session: AsyncSession, run_ids: Collection[str]
) -> dict[str, datetime | None]:
    """Return when each of these runs ended (None: not yet), without those there are not.

    A project whose stack is not stopped is as a run that has not ended: its services write.
    """
    found: dict[str, datetime | None] = {}
    ids = list(run_ids)
    for start in range(0, len(ids), 500):
        query = select(Run.id, Run.finished_at).where(Run.id.in_(ids[start : start + 500]))
        found.update((run_id, at) for run_id, at in await session.execute(query))
        stacks = select(ProjectStack.project_id).where(
            ProjectStack.project_id.in_(ids[start : start + 500]), ProjectStack.state != "stopped"
        )
        found.update((project_id, None) for project_id in await session.scalars(stacks))
    return found
