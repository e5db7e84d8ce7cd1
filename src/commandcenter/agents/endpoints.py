from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response, status

from commandcenter.agents.schemas import (
    AgentDetail,
    AgentRegister,
    AgentRegistered,
    AgentSummary,
)
from commandcenter.agents.service import AgentService
from commandcenter.auth.caller import require
from commandcenter.auth.identity import Caller
from commandcenter.auth.permissions import Permission
from commandcenter.kit.injection import provide
from commandcenter.kit.pages import DEFAULT_PAGE, MAX_PAGE, Page

router = APIRouter(tags=["agents"])

Service = Annotated[AgentService, Depends(provide(AgentService))]
Reader = Annotated[Caller, Depends(require(Permission.AGENTS_READ))]
Writer = Annotated[Caller, Depends(require(Permission.AGENTS_WRITE))]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]


@router.post("/agents", status_code=status.HTTP_201_CREATED)
async def register_agent(
    body: AgentRegister, caller: Writer, service: Service, response: Response
) -> AgentRegistered:
    """Register the agent in a folder. The same content again is the same revision: status 200."""
    registered = await service.register(caller, body.folder)
    if not registered.created:
        response.status_code = status.HTTP_200_OK
    return AgentRegistered.of_registered(registered)


@router.get("/agents")
async def list_agents(
    _caller: Reader,
    service: Service,
    *,
    retired: bool = False,
    cursor: Annotated[str | None, Query(max_length=64)] = None,
    limit: Limit = DEFAULT_PAGE,
) -> Page[AgentSummary]:
    """List the current revision of each agent by name; `retired=true` includes retired ones."""
    found = await service.page(after=cursor, limit=limit + 1, retired=retired)
    items = [AgentSummary.of(agent) for agent in found[:limit]]
    return Page(items=items, next_cursor=items[-1].name if len(found) > limit else None)


@router.get("/agents/{agent}")
async def get_agent(agent: str, _caller: Reader, service: Service) -> AgentDetail:
    """Return an agent by id, by `name` (its current revision) or by `name@version`."""
    return AgentDetail.of(await service.get(agent))


@router.get("/agents/{agent}/revisions")
async def list_agent_revisions(
    agent: str,
    _caller: Reader,
    service: Service,
    cursor: Annotated[int | None, Query(ge=1)] = None,
    limit: Limit = DEFAULT_PAGE,
) -> Page[AgentSummary]:
    """List all revisions of an agent, the newest first."""
    found = await service.revisions(agent, below=cursor, limit=limit + 1)
    items = [AgentSummary.of(revision) for revision in found[:limit]]
    return Page(items=items, next_cursor=str(items[-1].revision) if len(found) > limit else None)


@router.delete("/agents/{agent}")
async def retire_agent(agent: str, caller: Writer, service: Service) -> AgentDetail:
    """Keep new runs from using an agent (or one version of it). Past runs still show it."""
    return AgentDetail.of(await service.retire(caller, agent))
