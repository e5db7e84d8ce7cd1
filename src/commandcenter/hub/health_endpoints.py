from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel

import commandcenter
from commandcenter.auth.authenticator import Authenticator
from commandcenter.auth.permissions import Permission
from commandcenter.hub.health import Health, HealthReport, HealthService
from commandcenter.kit.errors import ProblemError
from commandcenter.kit.injection import provide

router = APIRouter(tags=["health"])


class CheckOut(BaseModel):
    status: Health
    detail: str
    value: float | None
    duration_seconds: float


class HealthOut(BaseModel):
    """Without credentials only `status` is told."""

    status: Health
    version: str | None = None
    checks: dict[str, CheckOut] | None = None


@router.get("/health", responses={503: {"model": HealthOut}})
async def get_health(
    request: Request,
    response: Response,
    health: Annotated[HealthService, Depends(provide(HealthService))],
    authenticator: Annotated[Authenticator, Depends(provide(Authenticator))],
) -> HealthOut:
    """200 while the hub can work, be it degraded; 503 when it cannot. Answers within 2 s.

    Public: it tells anybody ok or degraded, and who may read health what is wrong.
    """
    report = await health.report()
    response.status_code = 200 if report.is_serving else 503
    response.headers["Cache-Control"] = "no-store"
    if not report.is_serving or not await _may_see_details(request, authenticator):
        return HealthOut(status=report.status)
    return _full(report)


async def _may_see_details(request: Request, authenticator: Authenticator) -> bool:
    try:
        caller = await authenticator.authenticate(request)
    except ProblemError:
        return False
    return caller.may(Permission.HEALTH_READ)


def _full(report: HealthReport) -> HealthOut:
    return HealthOut(
        status=report.status,
        version=commandcenter.__version__,
        checks={
            name: CheckOut(
                status=check.status,
                detail=check.detail,
                value=check.value,
                duration_seconds=round(check.duration_seconds, 6),
            )
            for name, check in report.checks.items()
        },
    )
