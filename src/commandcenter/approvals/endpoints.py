from typing import Annotated

from fastapi import APIRouter, Depends, Query

from commandcenter.approvals.schemas import ApprovalAnswer, ApprovalSummary, ApprovalView
from commandcenter.approvals.service import ApprovalService
from commandcenter.approvals.states import ApprovalState
from commandcenter.auth.caller import require
from commandcenter.auth.identity import Caller
from commandcenter.auth.permissions import Permission
from commandcenter.kit.injection import provide
from commandcenter.kit.pages import DEFAULT_PAGE, MAX_PAGE, Page

router = APIRouter(tags=["approvals"])

Service = Annotated[ApprovalService, Depends(provide(ApprovalService))]
Reader = Annotated[Caller, Depends(require(Permission.APPROVALS_READ))]
Approver = Annotated[Caller, Depends(require(Permission.APPROVALS_ANSWER))]


@router.get("/approvals")
async def list_approvals(
    _caller: Reader,
    service: Service,
    *,
    state: ApprovalState | None = None,
    run_id: Annotated[str | None, Query(max_length=64)] = None,
    cursor: Annotated[str | None, Query(max_length=64)] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = DEFAULT_PAGE,
) -> Page[ApprovalSummary]:
    """List approvals, the newest first."""
    found = await service.page(state=state, run_id=run_id, cursor=cursor, limit=limit + 1)
    items = [ApprovalSummary.of(approval) for approval in found[:limit]]
    return Page(items=items, next_cursor=items[-1].id if len(found) > limit else None)


@router.get("/approvals/{approval_id}")
async def get_approval(approval_id: str, _caller: Reader, service: Service) -> ApprovalView:
    """Return an approval with the effect it is bound to, the diff and the answers so far."""
    return ApprovalView.of_decisions(*await service.get(approval_id))


@router.post("/approvals/{approval_id}/respond")
async def respond(
    approval_id: str, body: ApprovalAnswer, caller: Approver, service: Service
) -> ApprovalView:
    """Approve or reject. Atomic: of two answers that race for the decision one gets a 409."""
    return ApprovalView.of_decisions(
        *await service.answer(caller, approval_id, body.decision, body.comment)
    )
