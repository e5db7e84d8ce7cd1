from collections.abc import Sequence

from sqlalchemy import exists, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from commandcenter.models import Agent


async def lock(session: AsyncSession) -> None:
    """Let one transaction at a time hand out revisions; SQLite has one writer anyway."""
    if session.get_bind().dialect.name == "postgresql":
        await session.execute(text("LOCK TABLE agents IN SHARE ROW EXCLUSIVE MODE"))


async def current(session: AsyncSession, name: str) -> Agent | None:
    """Return the highest revision of that name, retired or not."""
    found: Agent | None = await session.scalar(
        select(Agent).where(Agent.name == name).order_by(Agent.revision.desc()).limit(1)
    )
    return found


async def usable(session: AsyncSession, name: str, version: str | None = None) -> Agent | None:
    """Return the highest revision (with that version) that is not retired."""
    query = select(Agent).where(Agent.name == name, Agent.retired_at.is_(None))
    if version is not None:
        query = query.where(Agent.version == version)
    found: Agent | None = await session.scalar(query.order_by(Agent.revision.desc()).limit(1))
    return found


async def by_id(session: AsyncSession, agent_id: str) -> Agent | None:
    return await session.get(Agent, agent_id)


async def by_version(session: AsyncSession, name: str, version: str) -> Agent | None:
    """Return the highest revision with that version string."""
    found: Agent | None = await session.scalar(
        select(Agent)
        .where(Agent.name == name, Agent.version == version)
        .order_by(Agent.revision.desc())
        .limit(1)
    )
    return found


async def current_page(
    session: AsyncSession, *, after: str | None, limit: int, retired: bool
) -> Sequence[Agent]:
    """Return the highest revision of each name, by name."""
    newest = select(Agent.name, func.max(Agent.revision).label("revision")).group_by(Agent.name)
    if not retired:
        newest = newest.where(Agent.retired_at.is_(None))
    newest_ones = newest.subquery()
    query = (
        select(Agent)
        .join(
            newest_ones,
            (Agent.name == newest_ones.c.name) & (Agent.revision == newest_ones.c.revision),
        )
        .order_by(Agent.name)
        .limit(limit)
    )
    if after is not None:
        query = query.where(Agent.name > after)
    return (await session.scalars(query)).all()


async def revision_page(
    session: AsyncSession, name: str, *, below: int | None, limit: int
) -> Sequence[Agent]:
    """Return revisions of one name, the newest first."""
    query = select(Agent).where(Agent.name == name).order_by(Agent.revision.desc()).limit(limit)
    if below is not None:
        query = query.where(Agent.revision < below)
    return (await session.scalars(query)).all()


async def active_names(session: AsyncSession) -> Sequence[str]:
    """Return the names that can be used, for guessing what was meant."""
    return [
        agent.name for agent in await current_page(session, after=None, limit=1000, retired=False)
    ]


async def unretired(session: AsyncSession, name: str) -> Sequence[Agent]:
    query = select(Agent).where(Agent.name == name, Agent.retired_at.is_(None))
    return (await session.scalars(query)).all()


async def current_with_digest(session: AsyncSession, digest: str) -> Agent | None:
    """Return an agent whose highest revision has this content, retired or not."""
    other = aliased(Agent)
    newer = exists().where(other.name == Agent.name, other.revision > Agent.revision)
    found: Agent | None = await session.scalar(
        select(Agent).where(Agent.digest == digest, ~newer).limit(1)
    )
    return found
