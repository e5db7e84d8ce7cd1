from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response, status
from fastapi.responses import JSONResponse

from commandcenter.auth.caller import require
from commandcenter.auth.identity import Caller
from commandcenter.auth.permissions import Permission
from commandcenter.engine.schema import build_schema
from commandcenter.kit.injection import provide
from commandcenter.kit.pages import DEFAULT_PAGE, MAX_PAGE, Page
from commandcenter.workflows.body import OPENAPI, workflow_source
from commandcenter.workflows.schemas import (
    IssueView,
    PlanView,
    ValidationView,
    WorkflowDetail,
    WorkflowSummary,
    WorkflowView,
)
from commandcenter.workflows.service import WorkflowService

router = APIRouter(tags=["workflows"])

Service = Annotated[WorkflowService, Depends(provide(WorkflowService))]
Reader = Annotated[Caller, Depends(require(Permission.WORKFLOWS_READ))]
Writer = Annotated[Caller, Depends(require(Permission.WORKFLOWS_WRITE))]
Source = Annotated[str, Depends(workflow_source)]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]


@router.post("/workflows", status_code=status.HTTP_201_CREATED, openapi_extra=OPENAPI)
async def create_workflow(
    caller: Writer, source: Source, service: Service, response: Response
) -> WorkflowDetail:
    """Store a definition as the next version of its name; the latest text again is status 200."""
    created = await service.create(caller, source)
    if not created.created:
        response.status_code = status.HTTP_200_OK
    found = await service.describe(created.workflow.id)
    return WorkflowDetail.of(found.workflow, found.plan, found.agents)


@router.post("/workflows/validate", openapi_extra=OPENAPI)
async def validate_workflow(_caller: Reader, source: Source, service: Service) -> ValidationView:
    """Check a definition and say everything that is wrong with it; nothing is stored."""
    plan, issues = await service.validate(source)
    return ValidationView(
        valid=not issues,
        issues=[IssueView.of(issue) for issue in issues],
        plan=PlanView.of(plan, await service.describe_source(plan)) if plan else None,
    )


@router.get("/workflows")
async def list_workflows(
    _caller: Reader,
    service: Service,
    *,
    retired: bool = False,
    cursor: Annotated[str | None, Query(max_length=64)] = None,
    limit: Limit = DEFAULT_PAGE,
) -> Page[WorkflowSummary]:
    """List the current version of each workflow by name; `retired=true` includes retired ones."""
    found = await service.page(after=cursor, limit=limit + 1, retired=retired)
    items = [WorkflowSummary.of(listed) for listed in found[:limit]]
    return Page(items=items, next_cursor=items[-1].name if len(found) > limit else None)


@router.get("/workflows/schema")
async def get_workflow_schema(_caller: Reader) -> JSONResponse:
    """The JSON Schema of a definition, for editors."""
    return JSONResponse(build_schema(), media_type="application/schema+json")


@router.get("/workflows/{workflow}")
async def get_workflow(workflow: str, _caller: Reader, service: Service) -> WorkflowDetail:
    """Return a workflow by name (its current version), `name@version` or id, with its plan."""
    found = await service.describe(workflow)
    return WorkflowDetail.of(found.workflow, found.plan, found.agents)


@router.get("/workflows/{workflow}/versions")
async def list_workflow_versions(
    workflow: str,
    _caller: Reader,
    service: Service,
    cursor: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    limit: Limit = DEFAULT_PAGE,
) -> Page[WorkflowSummary]:
    """List all versions of a workflow, the newest first."""
    found = await service.versions(workflow, below=cursor, limit=limit + 1)
    items = [WorkflowSummary.of(listed) for listed in found[:limit]]
    return Page(items=items, next_cursor=str(items[-1].version) if len(found) > limit else None)


@router.delete("/workflows/{workflow}")
async def retire_workflow(workflow: str, caller: Writer, service: Service) -> WorkflowView:
    """Keep new runs from using a workflow (or one version of it). Past runs still show it."""
    return WorkflowView.model_validate(await service.retire(caller, workflow))
