from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Response, status

from commandcenter.auth.caller import require
from commandcenter.auth.identity import Caller
from commandcenter.auth.permissions import Permission
from commandcenter.kit.draining import accepting_work
from commandcenter.kit.injection import provide
from commandcenter.kit.pages import DEFAULT_PAGE, MAX_PAGE, Page
from commandcenter.runs.create import RunRequest
from commandcenter.runs.queries import RunFilter
from commandcenter.runs.rerun import RerunRequest
from commandcenter.runs.schemas import RunAgain, RunStart, RunSummary, RunView, WorkflowTrigger
from commandcenter.runs.service import RunService
from commandcenter.runs.states import RunState

router = APIRouter(tags=["runs"])

Service = Annotated[RunService, Depends(provide(RunService))]
Reader = Annotated[Caller, Depends(require(Permission.RUNS_READ))]
Starter = Annotated[Caller, Depends(require(Permission.RUNS_START))]
Canceller = Annotated[Caller, Depends(require(Permission.RUNS_CANCEL))]
IdempotencyKey = Annotated[str | None, Header(max_length=200)]
_STARTS = [Depends(accepting_work)]


@router.post("/runs", status_code=status.HTTP_201_CREATED, dependencies=_STARTS)
async def start_run(
    body: RunStart,
    caller: Starter,
    service: Service,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> RunSummary:
    """Start a run. The same `Idempotency-Key` and body again return the first run: status 200."""
    run, created = await service.start(
        caller,
        RunRequest(
            workflow=body.workflow,
            inputs=body.inputs,
            project=body.project,
            runtime=body.runtime,
            idempotency_key=idempotency_key,
        ),
    )
    if not created:
        response.status_code = status.HTTP_200_OK
    return RunSummary.of(run)


@router.post(
    "/workflows/{workflow}/trigger", status_code=status.HTTP_201_CREATED, dependencies=_STARTS
)
async def trigger_workflow(
    workflow: str,
    body: WorkflowTrigger,
    caller: Starter,
    service: Service,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> RunSummary:
    """Start a run of this workflow: the same as `POST /runs`."""
    start = RunStart(workflow=workflow, **body.model_dump())
    return await start_run(start, caller, service, response, idempotency_key)


@router.get("/runs")
async def list_runs(
    _caller: Reader,
    service: Service,
    *,
    state: RunState | None = None,
    workflow: Annotated[str | None, Query(max_length=64)] = None,
    project_id: Annotated[str | None, Query(max_length=64)] = None,
    cursor: Annotated[str | None, Query(max_length=64)] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = DEFAULT_PAGE,
) -> Page[RunSummary]:
    """List runs, the newest first."""
    wanted = RunFilter(
        state=state.value if state else None, workflow=workflow, project_id=project_id
    )
    found, causes = await service.page(wanted, cursor=cursor, limit=limit + 1)
    items = [RunSummary.of(run, causes.get(run.id)) for run in found[:limit]]
    return Page(items=items, next_cursor=items[-1].id if len(found) > limit else None)


@router.get("/runs/{run_id}")
async def get_run(run_id: str, _caller: Reader, service: Service) -> RunView:
    """Return a run with its steps, attempts, approvals and artifacts."""
    detail, needs = await service.get(run_id)
    return RunView.of_detail(detail, needs)


@router.post("/runs/{run_id}/cancel", status_code=status.HTTP_202_ACCEPTED)
async def cancel_run(run_id: str, caller: Canceller, service: Service) -> RunSummary:
    """Ask a run to stop. It has ended once its state says so."""
    return RunSummary.of(await service.cancel(caller, run_id))


@router.post("/runs/{run_id}/rerun", status_code=status.HTTP_201_CREATED, dependencies=_STARTS)
async def rerun(run_id: str, body: RunAgain, caller: Starter, service: Service) -> RunSummary:
    """Start a new run in place of an ended one; results that still hold are taken over."""
    request = RerunRequest(start_at=body.start_at, inputs=body.inputs, step_inputs=body.step_inputs)
    return RunSummary.of(await service.rerun(caller, run_id, request))
