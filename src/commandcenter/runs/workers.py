"""The processes that execute runs, known to each other by heartbeats in the database."""

import asyncio
import logging
import os
import socket
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import Table, bindparam, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from commandcenter.kit.clock import utc_now
from commandcenter.kit.database import Database
from commandcenter.models import Worker
from commandcenter.runs.outage import is_outage

_BEAT_SECONDS = 1.0
DEAD_AFTER_SECONDS = 6.0

_WORKERS = cast("Table", Worker.__table__)
_BEAT = (
    update(_WORKERS)
    .where(_WORKERS.c.executor_id == bindparam("of_executor"))
    .values(heartbeat_at=func.clock_timestamp())
)

logger = logging.getLogger(__name__)


class Workers:
    """This process's entry, and who else is alive. Times are the database's: one clock for all."""

    def __init__(self, database: Database, executor_id: str) -> None:
        self._database = database
        self.executor_id = executor_id

    async def join(self) -> None:
        """Enter this process; an entry of the same executor before a restart is replaced."""
        async with self._database.write() as session:
            await session.execute(delete(Worker).where(Worker.executor_id == self.executor_id))
            now = await self._now(session)
            session.add(
                Worker(
                    executor_id=self.executor_id,
                    host=socket.gethostname(),
                    pid=os.getpid(),
                    started_at=now,
                    heartbeat_at=now,
                )
            )

    async def leave(self) -> None:
        """Take the entry back, so that others need not wait for it to go stale."""
        async with self._database.write() as session:
            await session.execute(delete(Worker).where(Worker.executor_id == self.executor_id))

    async def beat(self) -> None:
        """Keep the entry fresh until cancelled. Only for a database that is shared."""
        while True:
            await asyncio.sleep(_BEAT_SECONDS)
            try:
                await self._beat_once()
            except Exception as error:
                if not is_outage(error):
                    raise
                logger.warning("no heartbeat: the database does not answer")

    async def alive(self, session: AsyncSession) -> Collection[str]:
        """Return the executors with a fresh heartbeat, this one always, and drop old entries."""
        if self._database.is_sqlite:
            return {self.executor_id}
        now = await self._now(session)
        fresh = await session.scalars(
            select(Worker.executor_id).where(
                Worker.heartbeat_at > now - timedelta(seconds=DEAD_AFTER_SECONDS)
            )
        )
        await session.execute(delete(Worker).where(Worker.heartbeat_at < now - timedelta(days=1)))
        return {*fresh, self.executor_id}

    async def _beat_once(self) -> None:
        beaten = await self._database.transact(
            lambda transaction: (
                transaction.connection.execute(_BEAT, {"of_executor": self.executor_id}).rowcount
            )
        )
        if not beaten:
            await self.join()  # the entry was dropped while this process was away

    async def _now(self, session: AsyncSession) -> datetime:
        if self._database.is_sqlite:
            return utc_now()
        now: datetime = (await session.execute(select(func.clock_timestamp()))).scalar_one()
        return now
