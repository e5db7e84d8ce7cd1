"""/metrics for Prometheus: with a viewer's token, or for everybody when the settings say so."""

import asyncio
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy import func, select
from starlette.responses import Response

from commandcenter.auth.caller import Caller, require
from commandcenter.auth.permissions import Permission
from commandcenter.hub.settings import Settings
from commandcenter.hub.stack_numbers import StackNumbers
from commandcenter.kit.database import Database
from commandcenter.kit.disk import space_at
from commandcenter.kit.injection import provide
from commandcenter.models import Approval, Attempt, Run
from commandcenter.observability.metrics import Metrics

router = APIRouter(tags=["metrics"])
public_router = APIRouter(tags=["metrics"])

Numbers = Annotated[Metrics, Depends(provide(Metrics))]
Given = Annotated[Settings, Depends(provide(Settings))]
Data = Annotated[Database, Depends(provide(Database))]
Stacks = Annotated[StackNumbers, Depends(provide(StackNumbers))]
_TEXT: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {}}}}


@router.get("/metrics", response_class=Response, responses=_TEXT)
async def get_metrics(
    _: Annotated[Caller, Depends(require(Permission.METRICS_READ))],
    metrics: Numbers,
    database: Data,
    settings: Given,
    stacks: Stacks,
) -> Response:
    """Return the metrics in Prometheus's text format."""
    return await _answer(metrics, database, settings, stacks)


@public_router.get("/metrics", response_class=Response, responses=_TEXT)
async def get_metrics_without_token(
    metrics: Numbers, database: Data, settings: Given, stacks: Stacks
) -> Response:
    """Return the metrics in Prometheus's text format."""
    return await _answer(metrics, database, settings, stacks)


async def _answer(
    metrics: Metrics, database: Database, settings: Settings, stacks: StackNumbers
) -> Response:
    await _count_what_is_now(metrics, database)
    await stacks.show()
    with suppress(OSError):
        space = await asyncio.to_thread(space_at, settings.data_directory)
        metrics.disk_free.set(space.free_bytes)
        metrics.disk_total.set(space.total_bytes)
    return Response(
        metrics.render(), headers={"Cache-Control": "no-store"}, media_type=CONTENT_TYPE_LATEST
    )


async def _count_what_is_now(metrics: Metrics, database: Database) -> None:
    async with database.read() as session:
        attempts = await session.scalar(
            select(func.count()).select_from(Attempt).where(Attempt.finished_at.is_(None))
        )
        approvals = await session.scalar(
            select(func.count()).select_from(Approval).where(Approval.decided_at.is_(None))
        )
        runs = await session.execute(
            select(Run.state, Run.started_at.is_(None), func.count())
            .where(Run.finished_at.is_(None))
            .group_by(Run.state, Run.started_at.is_(None))
        )
        metrics.runs_active.clear()
        queued = 0
        for state, is_queued, count in runs:
            metrics.runs_active.labels(state).inc(count)
            queued += count if is_queued else 0
    metrics.attempts_active.set(attempts or 0)
    metrics.approvals_pending.set(approvals or 0)
    metrics.queue_length.set(queued)
