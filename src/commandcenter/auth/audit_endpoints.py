from typing import Annotated

from fastapi import APIRouter, Depends, Query

from commandcenter.auth import audit
from commandcenter.auth.caller import Caller, require
from commandcenter.auth.permissions import Permission
from commandcenter.auth.schemas import AuditOut, AuditVerification
from commandcenter.kit.database import Database
from commandcenter.kit.injection import provide
from commandcenter.kit.pages import DEFAULT_PAGE, MAX_PAGE, Page

router = APIRouter(prefix="/audit", tags=["audit"])

Auditor = Annotated[Caller, Depends(require(Permission.AUDIT_READ))]
Data = Annotated[Database, Depends(provide(Database))]


@router.get("")
async def list_audit_entries(
    _: Auditor,
    database: Data,
    *,
    principal: Annotated[str | None, Query(max_length=128)] = None,
    action: Annotated[str | None, Query(max_length=64)] = None,
    cursor: Annotated[int | None, Query(ge=1)] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = DEFAULT_PAGE,
) -> Page[AuditOut]:
    """List entries, the newest first.

    `principal` is who did it, by name or id; `action` what was done, `run.start` or all of `run`.
    """
    entries = await audit.newest(
        database, before=cursor, limit=limit + 1, principal=principal, action=action
    )
    items = [AuditOut.model_validate(entry) for entry in entries[:limit]]
    more = len(entries) > limit
    return Page(items=items, next_cursor=str(items[-1].id) if more else None)


@router.get("/verify")
async def verify_audit_log(_: Auditor, database: Data) -> AuditVerification:
    """Check the chain of hashes from the first entry to the last."""
    async with database.read() as session:
        return AuditVerification.model_validate(await audit.verify(session))
