from collections.abc import Collection, Sequence

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from commandcenter.models import Principal, Workflow


async def lock(session: AsyncSession) -> None:
    """Let one transaction at a time hand out versions; SQLite has one writer anyway."""
    if session.get_bind().dialect.name == "postgresql":
        await session.execute(text("LOCK TABLE workflows IN SHARE ROW EXCLUSIVE MODE"))


async def by_id(session: AsyncSession, workflow_id: str) -> Workflow | None:
    return await session.get(Workflow, workflow_id)


async def newest(session: AsyncSession, name: str) -> Workflow | None:
    """Return the highest version of that name, retired or not."""
    found: Workflow | None = await session.scalar(
        select(Workflow).where(Workflow.name == name).order_by(Workflow.version.desc()).limit(1)
    )
    return found


async def usable(session: AsyncSession, name: str) -> Workflow | None:
    """Return the highest version of that name that is not retired."""
    found: Workflow | None = await session.scalar(
        select(Workflow)
        .where(Workflow.name == name, Workflow.retired_at.is_(None))
        .order_by(Workflow.version.desc())
        .limit(1)
    )
    return found


async def by_version(session: AsyncSession, name: str, version: int) -> Workflow | None:
    found: Workflow | None = await session.scalar(
        select(Workflow).where(Workflow.name == name, Workflow.version == version)
    )
    return found


async def page(
    session: AsyncSession, *, after: str | None, limit: int, retired: bool
) -> Sequence[Workflow]:
    """Return the highest version of each name, by name."""
    versions = select(Workflow.name, func.max(Workflow.version).label("version"))
    if not retired:
        versions = versions.where(Workflow.retired_at.is_(None))
    highest = versions.group_by(Workflow.name).subquery()
    query = (
        select(Workflow)
        .join(
            highest,
            (Workflow.name == highest.c.name) & (Workflow.version == highest.c.version),
        )
        .order_by(Workflow.name)
        .limit(limit)
    )
    if after is not None:
        query = query.where(Workflow.name > after)
    return (await session.scalars(query)).all()


async def version_page(
    session: AsyncSession, name: str, *, below: int | None, limit: int
) -> Sequence[Workflow]:
    """Return versions of one name, the newest first."""
    query = select(Workflow).where(Workflow.name == name).order_by(Workflow.version.desc())
    if below is not None:
        query = query.where(Workflow.version < below)
    return (await session.scalars(query.limit(limit))).all()


async def unretired(session: AsyncSession, name: str) -> Sequence[Workflow]:
    query = select(Workflow).where(Workflow.name == name, Workflow.retired_at.is_(None))
    return (await session.scalars(query)).all()


async def active_names(session: AsyncSession) -> Sequence[str]:
    found = await page(session, after=None, limit=1000, retired=False)
    return [workflow.name for workflow in found]


async def author_names(session: AsyncSession, ids: Collection[str]) -> dict[str, str]:
    """Return the names of those principals that are there, by id."""
    query = select(Principal.id, Principal.name).where(Principal.id.in_(ids))
    return {row.id: row.name for row in await session.execute(query)}
