"""Names, values going in, grants. A value never comes out here."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response

from commandcenter.auth.caller import Caller, require
from commandcenter.auth.permissions import Permission
from commandcenter.kit.injection import provide
from commandcenter.kit.pages import DEFAULT_PAGE, MAX_PAGE, Page
from commandcenter.secrets.schemas import AgentName, SecretIn, SecretName, SecretOut
from commandcenter.secrets.service import SecretService

router = APIRouter(prefix="/secrets", tags=["secrets"])

Reader = Annotated[Caller, Depends(require(Permission.SECRETS_READ))]
Writer = Annotated[Caller, Depends(require(Permission.SECRETS_WRITE))]
Vault = Annotated[SecretService, Depends(provide(SecretService))]
Name = Annotated[SecretName, Path()]
Agent = Annotated[AgentName, Path()]


@router.get("")
async def list_secrets(
    _: Reader,
    vault: Vault,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = DEFAULT_PAGE,
) -> Page[SecretOut]:
    found = await vault.list(after=cursor, limit=limit + 1)
    items = [SecretOut.model_validate(info) for info in found[:limit]]
    return Page(items=items, next_cursor=items[-1].name if len(found) > limit else None)


@router.put("/{name}", status_code=204, responses={201: {"description": "Created"}})
async def set_secret(name: Name, body: SecretIn, caller: Writer, vault: Vault) -> Response:
    """Create a secret, or give it a new value; idempotent."""
    is_new = await vault.set(caller, name, body.value.get_secret_value())
    return Response(status_code=201 if is_new else 204)


@router.delete("/{name}", status_code=204)
async def delete_secret(name: Name, caller: Writer, vault: Vault) -> None:
    await vault.delete(caller, name)


@router.put("/{name}/grants/{agent_name}", status_code=204)
async def grant_secret(name: Name, agent_name: Agent, caller: Writer, vault: Vault) -> None:
    """Let attempts of this agent have the secret, if its manifest asks for it; idempotent."""
    await vault.grant(caller, name, agent_name)


@router.delete("/{name}/grants/{agent_name}", status_code=204)
async def revoke_secret(name: Name, agent_name: Agent, caller: Writer, vault: Vault) -> None:
    await vault.revoke(caller, name, agent_name)
