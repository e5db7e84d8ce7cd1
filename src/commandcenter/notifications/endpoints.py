from typing import Annotated

from fastapi import APIRouter, Depends, Query

from commandcenter.auth.caller import require
from commandcenter.auth.identity import Caller
from commandcenter.auth.permissions import Permission
from commandcenter.kit.injection import provide
from commandcenter.kit.pages import DEFAULT_PAGE, MAX_PAGE, Page
from commandcenter.notifications.schemas import NotificationView
from commandcenter.notifications.service import NotificationService

router = APIRouter(tags=["notifications"])

Service = Annotated[NotificationService, Depends(provide(NotificationService))]
Reader = Annotated[Caller, Depends(require(Permission.NOTIFICATIONS_READ))]


@router.get("/notifications")
async def list_notifications(
    _caller: Reader,
    service: Service,
    run_id: Annotated[str | None, Query(max_length=64)] = None,
    cursor: Annotated[str | None, Query(max_length=64)] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = DEFAULT_PAGE,
) -> Page[NotificationView]:
    """List notices, the newest first."""
    found = await service.page(run_id=run_id, before=cursor, limit=limit + 1)
    items = [NotificationView.model_validate(notification) for notification in found[:limit]]
    return Page(items=items, next_cursor=items[-1].id if len(found) > limit else None)


@router.get("/notifications/{notification_id}")
async def get_notification(
    notification_id: str, _caller: Reader, service: Service
) -> NotificationView:
    return NotificationView.model_validate(await service.get(notification_id))
