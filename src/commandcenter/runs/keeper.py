"""Seeing to it that every unfinished run has somebody who executes it.

Runs at the start and then every few seconds. On a database shared by several processes one of them
does it at a time, whoever gets the lock.
"""

import asyncio
import logging
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, select

from commandcenter.durable.engine import DurableRuns
from commandcenter.events.store import EventStore
from commandcenter.kit.clock import utc_now
from commandcenter.kit.database import Database
from commandcenter.models import Run
from commandcenter.runs.executor import RunExecutor
from commandcenter.runs.outage import is_outage
from commandcenter.runs.queries import find_run
from commandcenter.runs.states import UNFINISHED_RUN_STATES, RunState
from commandcenter.runs.unstarted import end_unstarted
from commandcenter.runs.workers import Workers

_ADVISORY_LOCK = 0x636F_6D6B  # arbitrary, this product's own
_SHARED_SECONDS = 2.0
_ALONE_SECONDS = 15.0
# A queued run ends by itself when it is begun after its deadline; this is for one that never is.
_LATE = timedelta(seconds=30)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """Unfinished runs, by what became of them (ids)."""

    resumed: tuple[str, ...] = ()  # durable execution has them and starts them again
    resubmitted: tuple[str, ...] = ()  # stored and never started, or dropped by a failure
    taken_over: tuple[str, ...] = ()  # of executors that are gone

    @property
    def total(self) -> int:
        return len(self.resumed) + len(self.resubmitted) + len(self.taken_over)


class RunKeeper:
    def __init__(
        self,
        database: Database,
        events: EventStore,
        executor: RunExecutor,
        durable: DurableRuns,
        workers: Workers,
    ) -> None:
        self._database = database
        self._events = events
        self._executor = executor
        self._durable = durable
        self._workers = workers
        self._idle_before: frozenset[str] = frozenset()

    async def keep(self) -> None:
        """Look after the runs until cancelled."""
        pause = _ALONE_SECONDS if self._database.is_sqlite else _SHARED_SECONDS
        while True:
            await asyncio.sleep(pause)
            try:
                await self.look_after()
            except Exception as error:
                if not is_outage(error):
                    logger.exception("looking after the runs failed; it is tried again")
                else:
                    logger.warning("looking after the runs waits for the database: %s", error)

    async def look_after(self) -> Found:
        """Find the runs that nobody executes and start them; end those too late to be started."""
        async with self._database.write() as session:
            if not self._database.is_sqlite:
                got = await session.scalar(select(func.pg_try_advisory_xact_lock(_ADVISORY_LOCK)))
                if not got:
                    return Found()
            rows = (
                await session.execute(
                    select(Run.id, Run.state, Run.deadline_at)
                    .where(Run.state.in_([state.value for state in UNFINISHED_RUN_STATES]))
                    .order_by(Run.created_at, Run.id)
                )
            ).all()
            alive = await self._workers.alive(session)
        late = {
            row.id
            for row in rows
            if row.state == RunState.QUEUED.value and row.deadline_at + _LATE < utc_now()
        }
        for run_id in late:
            await self._end(run_id)
        # On a shared database queued runs are the dispatchers' business.
        queued = set() if self._database.is_sqlite else {RunState.QUEUED.value}
        return await self._start(
            [row.id for row in rows if row.id not in late],
            alive,
            waiting={row.id for row in rows if row.state in queued},
        )

    async def _start(
        self, run_ids: list[str], alive: Collection[str], *, waiting: Collection[str]
    ) -> Found:
        records = await self._durable.open_records() if run_ids else {}
        resumed: list[str] = []
        resubmitted: list[str] = []
        queued: list[str] = []
        taken_over: list[str] = []
        idle: set[str] = set()
        for run_id in run_ids:
            record = records.get(run_id)
            if record is None:
                if run_id in waiting:
                    queued.append(run_id)
                elif not self._executor.is_active(run_id):
                    await self._durable.resubmit(run_id)
                    resubmitted.append(run_id)
            elif record.executor_id is not None and record.executor_id not in alive:
                taken_over.append(run_id)
            else:
                resumed.append(run_id)
                if record.executor_id == self._workers.executor_id and not (
                    self._executor.is_active(run_id)
                ):
                    idle.add(run_id)
        # Said to be ours, and twice in a row not executed here: its task died on the way.
        forgotten = [run_id for run_id in idle if run_id in self._idle_before]
        self._idle_before = frozenset(idle)
        await self._durable.take_over([records[name] for name in (*taken_over, *forgotten)])
        if resubmitted or taken_over or forgotten:
            logger.warning(
                "runs without an executor: %s resubmitted, %s taken over, %s forgotten here",
                resubmitted,
                taken_over,
                forgotten,
            )
        return Found(tuple(resumed), (*resubmitted, *queued), tuple(taken_over))

    async def _end(self, run_id: str) -> None:
        async with self._database.write() as session:
            run = await find_run(session, run_id, for_update=True)
            if run.state == RunState.QUEUED.value:
                await end_unstarted(session, self._events, run, RunState.FAILED)
