"""Who am I, who else is there, and their tokens."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from commandcenter.auth.caller import Caller, require
from commandcenter.auth.credentials import CredentialService
from commandcenter.auth.links import LoginLinks
from commandcenter.auth.permissions import ROLE_PERMISSIONS, Permission
from commandcenter.auth.principals import PrincipalChange, PrincipalService
from commandcenter.auth.schemas import (
    CreatedToken,
    LoginLink,
    Me,
    PrincipalIn,
    PrincipalOut,
    PrincipalPatch,
    TokenIn,
    TokenOut,
)
from commandcenter.kit.injection import provide
from commandcenter.kit.pages import DEFAULT_PAGE, MAX_PAGE, Page

router = APIRouter(tags=["auth"])

Manager = Annotated[Caller, Depends(require(Permission.PRINCIPALS_MANAGE))]
Myself = Annotated[Caller, Depends(require(Permission.SELF))]
Principals = Annotated[PrincipalService, Depends(provide(PrincipalService))]
Credentials = Annotated[CredentialService, Depends(provide(CredentialService))]
Links = Annotated[LoginLinks, Depends(provide(LoginLinks))]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]


@router.get("/me")
async def get_me(caller: Myself) -> Me:
    """Who the token or session belongs to, and what it may do."""
    return Me(
        id=caller.principal_id,
        name=caller.name,
        role=caller.role,
        groups=list(caller.groups),
        permissions=sorted(ROLE_PERMISSIONS[caller.role]),
    )


@router.post("/me/login-links", status_code=201)
async def create_my_login_link(caller: Myself, credentials: Credentials, links: Links) -> LoginLink:
    """Make a link that signs you in to a browser once, within 15 minutes."""
    row, token = await credentials.create_login_link(caller, caller.principal_id)
    return links.describe(row, token)


@router.get("/principals")
async def list_principals(
    _: Manager, principals: Principals, cursor: str | None = None, limit: Limit = DEFAULT_PAGE
) -> Page[PrincipalOut]:
    rows = await principals.list(after=cursor, limit=limit + 1)
    items = [PrincipalOut.model_validate(row) for row in rows[:limit]]
    return Page(items=items, next_cursor=items[-1].id if len(rows) > limit else None)


@router.post("/principals", status_code=201)
async def create_principal(
    body: PrincipalIn, caller: Manager, principals: Principals
) -> PrincipalOut:
    row = await principals.create(
        caller, name=body.name, kind=body.kind, role=body.role, groups=tuple(body.groups)
    )
    return PrincipalOut.model_validate(row)


@router.get("/principals/{principal_id}")
async def get_principal(principal_id: str, _: Manager, principals: Principals) -> PrincipalOut:
    return PrincipalOut.model_validate(await principals.get(principal_id))


@router.patch("/principals/{principal_id}")
async def change_principal(
    principal_id: str, body: PrincipalPatch, caller: Manager, principals: Principals
) -> PrincipalOut:
    """Change role or groups, disable or enable. Takes effect at the next request."""
    change = PrincipalChange(
        role=body.role,
        groups=tuple(body.groups) if body.groups is not None else None,
        disabled=body.disabled,
    )
    return PrincipalOut.model_validate(await principals.change(caller, principal_id, change))


@router.delete("/principals/{principal_id}", status_code=204)
async def disable_principal(principal_id: str, caller: Manager, principals: Principals) -> None:
    """Disable: the row stays, because past approvals and audit entries name it."""
    await principals.change(caller, principal_id, PrincipalChange(disabled=True))


@router.get("/principals/{principal_id}/tokens")
async def list_tokens(
    principal_id: str,
    _: Manager,
    credentials: Credentials,
    cursor: str | None = None,
    limit: Limit = DEFAULT_PAGE,
) -> Page[TokenOut]:
    rows = await credentials.list_tokens(principal_id, after=cursor, limit=limit + 1)
    items = [TokenOut.model_validate(row) for row in rows[:limit]]
    return Page(items=items, next_cursor=items[-1].id if len(rows) > limit else None)


@router.post("/principals/{principal_id}/tokens", status_code=201)
async def create_token(
    principal_id: str,
    body: TokenIn,
    caller: Manager,
    credentials: Credentials,
    response: Response,
) -> CreatedToken:
    """Create a token. Its value is in this answer and cannot be had again."""
    row, token = await credentials.create_token(
        caller, principal_id, name=body.name, expires_at=body.expires_at
    )
    response.headers["Cache-Control"] = "no-store"
    shown = TokenOut.model_validate(row).model_dump()
    return CreatedToken(**shown, token=token.value)


@router.delete("/principals/{principal_id}/tokens/{token_id}", status_code=204)
async def revoke_token(
    principal_id: str, token_id: str, caller: Manager, credentials: Credentials
) -> None:
    await credentials.revoke_token(caller, principal_id, token_id)


@router.post("/principals/{principal_id}/login-links", status_code=201)
async def create_login_link(
    principal_id: str, caller: Manager, credentials: Credentials, links: Links
) -> LoginLink:
    """Make a link for somebody else, to be handed over in a safe way."""
    row, token = await credentials.create_login_link(caller, principal_id)
    return links.describe(row, token)
