"""Forgetting what is over: durable records after an hour, whole runs by the operator's policy."""

import asyncio
import logging
from collections.abc import Collection, Sequence
from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from commandcenter.durable.engine import DurableRuns
from commandcenter.kit.clock import utc_now
from commandcenter.kit.database import Database
from commandcenter.models import (
    Approval,
    ApprovalDecision,
    Artifact,
    Attempt,
    Notification,
    Run,
    Step,
)
from commandcenter.runs.outage import is_outage
from commandcenter.runs.states import FINAL_RUN_STATES

_BATCH = 200
_FIRST_SECONDS = 60.0
_PAUSE_SECONDS = 3600.0
_RECORDS_KEPT = timedelta(hours=1)

logger = logging.getLogger(__name__)


async def keep_pruning(database: Database, durable: DurableRuns, *, keep: timedelta) -> None:
    """Prune soon after the start and then once an hour, until cancelled."""
    await asyncio.sleep(_FIRST_SECONDS)
    while True:
        try:
            records = await prune_records(database, durable, older_than=_RECORDS_KEPT)
            runs = await prune_runs(database, older_than=keep)
        except Exception as error:
            if not is_outage(error):
                logger.exception("pruning runs failed; it is tried again")
            else:
                logger.warning("pruning runs waits for the database: %s", error)
        else:
            logger.info("pruned %d durable records and %d runs", records, runs)
        await asyncio.sleep(_PAUSE_SECONDS)


async def prune_records(database: Database, durable: DurableRuns, *, older_than: timedelta) -> int:
    """Delete the durable records of runs that have ended; returns how many. Idempotent.

    Only all records of a run together: what is left of an unfinished one names its next record.
    """
    deleted = 0
    while True:
        ended = await durable.ended_runs(before=utc_now() - older_than, limit=_BATCH)
        over = await _without_unfinished(database, ended)
        forgotten = await durable.forget(sorted(over))
        deleted += forgotten
        if not forgotten:
            return deleted


async def prune_runs(database: Database, *, older_than: timedelta) -> int:
    """Delete runs that ended before then, with all that belongs to them; returns how many.

    Their logs and the contents of their artifacts go by their own retention.
    """
    deleted = 0
    while True:
        async with database.write() as session:
            ids = list(
                await session.scalars(
                    select(Run.id)
                    .where(
                        Run.state.in_([state.value for state in FINAL_RUN_STATES]),
                        Run.finished_at < utc_now() - older_than,
                    )
                    .order_by(Run.finished_at)
                    .limit(_BATCH)
                )
            )
            await _delete(session, ids)
        deleted += len(ids)
        if len(ids) < _BATCH:
            return deleted


async def _without_unfinished(database: Database, run_ids: Collection[str]) -> set[str]:
    async with database.read() as session:
        unfinished = await session.scalars(
            select(Run.id).where(
                Run.id.in_(run_ids),
                Run.state.not_in([state.value for state in FINAL_RUN_STATES]),
            )
        )
    return set(run_ids) - set(unfinished)


async def _delete(session: AsyncSession, ids: Sequence[str]) -> None:
    approvals = select(Approval.id).where(Approval.run_id.in_(ids))
    await session.execute(
        delete(ApprovalDecision).where(ApprovalDecision.approval_id.in_(approvals))
    )
    for model in (Approval, Artifact, Notification, Attempt, Step):
        await session.execute(delete(model).where(model.run_id.in_(ids)))
    await session.execute(delete(Run).where(Run.id.in_(ids)))
