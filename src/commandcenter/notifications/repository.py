from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from commandcenter.models import Notification


async def page(
    session: AsyncSession, *, run_id: str | None, before: str | None, limit: int
) -> Sequence[Notification]:
    """Return the newest first; ids sort by the second of their making."""
    query = select(Notification).order_by(Notification.id.desc()).limit(limit)
    if run_id is not None:
        query = query.where(Notification.run_id == run_id)
    if before is not None:
        query = query.where(Notification.id < before)
    return (await session.scalars(query)).all()


async def find(session: AsyncSession, notification_id: str) -> Notification | None:
    return await session.get(Notification, notification_id)
