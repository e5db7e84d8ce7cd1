from collections.abc import Collection, Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from commandcenter.models import Artifact, Attempt, Run


async def find(session: AsyncSession, artifact_id: str) -> Artifact | None:
    return await session.get(Artifact, artifact_id)


async def run_exists(session: AsyncSession, run_id: str) -> bool:
    return await session.get(Run, run_id) is not None


async def of_attempt(session: AsyncSession, attempt_id: str) -> Sequence[Artifact]:
    query = select(Artifact).where(Artifact.attempt_id == attempt_id).order_by(Artifact.name)
    return (await session.scalars(query)).all()


async def newest_named(session: AsyncSession, run_id: str, node: str, name: str) -> Artifact | None:
    """Return the artifact of that name from the node's latest attempt that left one."""
    query = (
        select(Artifact)
        .join(Attempt, Attempt.id == Artifact.attempt_id, isouter=True)
        .where(Artifact.run_id == run_id, Artifact.node == node, Artifact.name == name)
        .order_by(Attempt.number.desc(), Artifact.created_at.desc())
        .limit(1)
    )
    found: Artifact | None = await session.scalar(query)
    return found


async def page(
    session: AsyncSession, run_id: str, *, node: str | None, after: str | None, limit: int
) -> Sequence[Artifact]:
    query = select(Artifact).where(Artifact.run_id == run_id).order_by(Artifact.id).limit(limit)
    if node is not None:
        query = query.where(Artifact.node == node)
    if after is not None:
        query = query.where(Artifact.id > after)
    return (await session.scalars(query)).all()


async def in_use(session: AsyncSession, digests: Collection[str]) -> set[str]:
    """Return those of the digests that an artifact refers to."""
    found: set[str] = set()
    batch = list(digests)
    for start in range(0, len(batch), 500):
        query = select(Artifact.sha256).where(Artifact.sha256.in_(batch[start : start + 500]))
        found.update(await session.scalars(query.distinct()))
    return found
