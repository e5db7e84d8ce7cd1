from datetime import datetime
from typing import Annotated, Self

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict

from commandcenter.auth.caller import require
from commandcenter.auth.identity import Caller
from commandcenter.auth.permissions import Permission
from commandcenter.kit.injection import provide
from commandcenter.runs.recovery import Recovery, RecoveryReport

router = APIRouter(tags=["runs"])

Service = Annotated[Recovery, Depends(provide(Recovery))]
Operator = Annotated[Caller, Depends(require(Permission.RUNS_CANCEL))]


class ResumptionView(BaseModel):
    """`adopted` attempts go on or had ended, `run_again` ones are tried anew, `lost` ones fail."""

    model_config = ConfigDict(from_attributes=True)

    run_id: str
    at: datetime
    adopted: list[str]
    run_again: list[str]
    lost: list[str]
    waiting: list[str]


class GivenUpView(BaseModel):
    run_id: str
    message: str


class RecoveryView(BaseModel):
    """What the last start found and what became of it. `found` counts unfinished runs.

    Each is in one of the lists: `resumed`, `gave_up`, `begun` (it had been queued) or `pending`
    (nothing was heard of it yet).
    """

    since: datetime
    found: int
    resubmitted: list[str]
    taken_over: list[str]
    resumed: list[ResumptionView]
    gave_up: list[GivenUpView]
    pending: list[str]
    begun: list[str]

    @classmethod
    def of(cls, report: RecoveryReport) -> Self:
        return cls(
            since=report.since,
            found=report.found.total,
            resubmitted=list(report.found.resubmitted),
            taken_over=list(report.found.taken_over),
            resumed=[ResumptionView.model_validate(item) for item in report.resumed],
            gave_up=[
                GivenUpView(run_id=run_id, message=message) for run_id, message in report.gave_up
            ],
            pending=list(report.pending),
            begun=list(report.begun),
        )


@router.get("/recovery")
async def get_recovery(_caller: Operator, service: Service) -> RecoveryView:
    """Tell what this hub found unfinished at its start, and how each run went on."""
    return RecoveryView.of(await service.report())
