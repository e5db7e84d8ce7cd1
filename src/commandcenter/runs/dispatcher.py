"""Sharing new runs among processes: whoever has a free place takes the oldest.

Only for a database that several processes share. A run that finds no free place where it is
stored stays there; every process is woken by the events that say that there is a new run, or that
an attempt has ended. Two that take the same run agree on its durable record, and one executes it.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from sqlalchemy import select

from commandcenter.durable.engine import DurableRuns
from commandcenter.events.bus import EventBus
from commandcenter.kit.database import Database
from commandcenter.models import Run
from commandcenter.runs.outage import is_outage
from commandcenter.runs.states import RunState

_LOOK_ANYWAY_SECONDS = 2.0
_LOOK_AT = 20
# Between two runs taken: the first step of the one before gets to hold its place by then.
_PACE_SECONDS = 0.05

logger = logging.getLogger(__name__)


class Dispatcher:
    def __init__(
        self,
        database: Database,
        bus: EventBus,
        durable: DurableRuns,
        *,
        has_place: Callable[[], bool],
    ) -> None:
        self._database = database
        self._bus = bus
        self._durable = durable
        self._has_place = has_place

    async def submit(self, run_id: str) -> None:
        """Start the stored run here if there is a place; otherwise whoever has one takes it."""
        if self._has_place():
            await self._durable.submit(run_id)

    async def take_turns(self) -> None:
        """Take runs as places get free, until cancelled."""
        with self._bus.waiter() as news:
            while True:
                news.clear()
                try:
                    taken = self._has_place() and await self._take()
                except Exception as error:
                    if not is_outage(error):
                        logger.exception("taking a queued run failed; it is tried again")
                    taken = False
                await asyncio.sleep(_PACE_SECONDS)
                if not taken:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(news.wait(), _LOOK_ANYWAY_SECONDS)

    async def _take(self) -> bool:
        """Take the oldest queued run that nobody has; whether there was one."""
        async with self._database.read() as session:
            queued = list(
                await session.scalars(
                    select(Run.id)
                    .where(Run.state == RunState.QUEUED.value)
                    .order_by(Run.created_at, Run.id)
                    .limit(_LOOK_AT)
                )
            )
        for run_id in queued:
            if await self._durable.resubmit(run_id):
                return True
        return False
