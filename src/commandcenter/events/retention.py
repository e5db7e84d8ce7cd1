"""Old events go; runs, approvals and the audit log stay what they are."""

from datetime import timedelta

from sqlalchemy import delete, func, select

from commandcenter.kit.clock import utc_now
from commandcenter.kit.database import Database
from commandcenter.models import Event

_BATCH = 1000
_MAX_BATCHES = 50


async def prune_events(database: Database, *, older_than: timedelta) -> int:
    """Delete events older than that and return how many; at most 50,000 a call.

    In short transactions, so that nobody waits long for the writer. The newest event stays: it is
    where everybody's count goes on. Idempotent.
    """
    limit = utc_now() - older_than
    removed = 0
    for _ in range(_MAX_BATCHES):
        async with database.write() as session:
            newest = await session.scalar(select(func.max(Event.id)))
            old = (
                select(Event.id)
                .where(Event.at < limit, Event.id < (newest or 0))
                .order_by(Event.id)
                .limit(_BATCH)
            )
            ids = list(await session.scalars(old))
            if ids:
                await session.execute(delete(Event).where(Event.id.in_(ids)))
        removed += len(ids)
        if len(ids) < _BATCH:
            break
    return removed
