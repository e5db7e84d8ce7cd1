from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict

from commandcenter.auth.caller import require
from commandcenter.auth.identity import Caller
from commandcenter.auth.permissions import Permission
from commandcenter.hub.statistics import Ended, by_hour, by_name, group, percentile
from commandcenter.hub.statistics_records import StatisticsRecords
from commandcenter.kit.injection import provide

router = APIRouter(tags=["metrics"])

Stored = Annotated[StatisticsRecords, Depends(provide(StatisticsRecords))]
Reader = Annotated[Caller, Depends(require(Permission.METRICS_READ))]
_MOST_HOURS = 30 * 24
_MOST_NAMES = 50


class _Out(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class HourView(_Out):
    """Runs by the hour in which they were created."""

    at: datetime
    succeeded: int
    failed: int
    cancelled: int
    unfinished: int


class GroupView(_Out):
    """`success_share` (0 to 1) and durations are of what succeeded or failed; null of nothing."""

    name: str
    count: int
    succeeded: int
    failed: int
    cancelled: int
    success_share: float | None
    p50_seconds: float | None
    p95_seconds: float | None
    cpu_seconds: float


class ApprovalStatistics(BaseModel):
    """`p50_seconds`, `p95_seconds`: from the question to the decision of people."""

    states: dict[str, int]
    p50_seconds: float | None
    p95_seconds: float | None


class StatisticsView(BaseModel):
    """Of what began since `since`. `is_cut`: only the newest 20,000 of a kind were looked at."""

    since: datetime
    until: datetime
    hours: list[HourView]
    runs: GroupView
    workflows: list[GroupView]
    agents: list[GroupView]  # by attempts; checks are not counted
    approvals: ApprovalStatistics
    stacks: dict[str, int]  # by state, now
    is_cut: bool


@router.get("/statistics")
async def get_statistics(
    _caller: Reader,
    stored: Stored,
    hours: Annotated[int, Query(ge=1, le=_MOST_HOURS)] = 24,
) -> StatisticsView:
    """Tell how runs, agents and approvals went over the last hours, from what is on record."""
    found = await stored.read(hours)
    return StatisticsView(
        since=found.since,
        until=found.until,
        hours=[
            HourView.model_validate(each)
            for each in by_hour(found.runs, until=found.until, hours=hours)
        ],
        runs=GroupView.model_validate(group("", found.runs)),
        workflows=[
            GroupView.model_validate(each) for each in by_name(found.runs, most=_MOST_NAMES)
        ],
        agents=[
            GroupView.model_validate(each) for each in by_name(found.attempts, most=_MOST_NAMES)
        ],
        approvals=_approvals(found.approvals),
        stacks=found.stacks,
        is_cut=found.is_cut,
    )


def _approvals(found: Sequence[Ended]) -> ApprovalStatistics:
    waits = sorted(
        each.seconds
        for each in found
        if each.seconds is not None and each.state in {"approved", "rejected"}
    )
    return ApprovalStatistics(
        states=dict(Counter(each.state for each in found)),
        p50_seconds=percentile(waits, 0.5),
        p95_seconds=percentile(waits, 0.95),
    )
