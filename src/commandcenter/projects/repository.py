from collections.abc import Sequence

from sqlalchemy import or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from commandcenter.models import Project, Run


async def lock(session: AsyncSession) -> None:
    """Let one transaction at a time decide about names and paths; SQLite has one writer anyway."""
    if session.get_bind().dialect.name == "postgresql":
        await session.execute(text("LOCK TABLE projects IN SHARE ROW EXCLUSIVE MODE"))


async def find(session: AsyncSession, reference: str) -> Project | None:
    """Return the project with this id or name. An id has an underscore, a name never."""
    query = select(Project).where(or_(Project.id == reference, Project.name == reference))
    found: Project | None = await session.scalar(query)
    return found


async def find_by_path(session: AsyncSession, path: str) -> Project | None:
    """Return the project of this folder; its forks share the folder and are none of it."""
    query = select(Project).where(Project.path == path, Project.forked_from.is_(None))
    found: Project | None = await session.scalar(query)
    return found


async def names_like(session: AsyncSession, prefix: str) -> set[str]:
    query = select(Project.name).where(Project.name.startswith(prefix, autoescape=True))
    return set(await session.scalars(query))


async def page(session: AsyncSession, *, after: str | None, limit: int) -> Sequence[Project]:
    query = select(Project).order_by(Project.name).limit(limit)
    if after is not None:
        query = query.where(Project.name > after)
    return (await session.scalars(query)).all()


async def detach_runs(session: AsyncSession, project_id: str) -> None:
    """Keep the history of a project that goes: its runs stay, belonging to none."""
    await session.execute(update(Run).where(Run.project_id == project_id).values(project_id=None))
