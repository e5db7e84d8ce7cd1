"""Starting, stopping and looking at the stacks of projects."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Response, status

from commandcenter.auth.caller import require
from commandcenter.auth.identity import Caller
from commandcenter.auth.permissions import Permission
from commandcenter.kit.injection import provide
from commandcenter.stacks.asking import Asked
from commandcenter.stacks.changes import StackChanges
from commandcenter.stacks.schemas import StackAnswer, StackChange, StackChanged, StackView
from commandcenter.stacks.service import StackManager
from commandcenter.stacks.status import StackStatuses

router = APIRouter(tags=["stacks"])
# As older clients call them.
aliases = APIRouter(tags=["stacks"])

Stacks = Annotated[StackManager, Depends(provide(StackManager))]
Changes = Annotated[StackChanges, Depends(provide(StackChanges))]
Statuses = Annotated[StackStatuses, Depends(provide(StackStatuses))]
Reader = Annotated[Caller, Depends(require(Permission.STACKS_READ))]
Runner = Annotated[Caller, Depends(require(Permission.STACKS_RUN))]
IdempotencyKey = Annotated[str | None, Header(max_length=200)]


@router.post("/projects/{project}/start", status_code=status.HTTP_202_ACCEPTED)
@aliases.post("/orchestration/{project}/start", status_code=status.HTTP_202_ACCEPTED)
async def start_stack(
    project: str, caller: Runner, stacks: Stacks, statuses: Statuses, response: Response
) -> StackAnswer:
    """Start the project's stack. It is up once its state is `running`; 200 if it runs already."""
    return await _answer(await stacks.start(caller, project), statuses, response)


@router.post("/projects/{project}/stop", status_code=status.HTTP_202_ACCEPTED)
@aliases.post("/orchestration/{project}/stop", status_code=status.HTTP_202_ACCEPTED)
async def stop_stack(
    project: str, caller: Runner, stacks: Stacks, statuses: Statuses, response: Response
) -> StackAnswer:
    """Stop the stack; its data stays. 200 if it is stopped already."""
    return await _answer(await stacks.stop(caller, project), statuses, response)


@router.post("/projects/{project}/restart", status_code=status.HTTP_202_ACCEPTED)
@aliases.post("/orchestration/{project}/restart", status_code=status.HTTP_202_ACCEPTED)
async def restart_stack(
    project: str,
    caller: Runner,
    stacks: Stacks,
    statuses: Statuses,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> StackAnswer:
    """Stop the stack and start it with the definition as it is now."""
    asked = await stacks.restart(caller, project, key=idempotency_key)
    return await _answer(asked, statuses, response)


@router.get("/projects/{project}/status")
@aliases.get("/orchestration/{project}/status")
async def stack_status(project: str, _caller: Reader, statuses: Statuses) -> StackView:
    """Return state, health, ports and limits of the stack and of each service."""
    return StackView.of(await statuses.get(project))


@router.post("/projects/{project}/services/{service}/restart", status_code=status.HTTP_202_ACCEPTED)
async def restart_service(
    project: str,
    service: str,
    caller: Runner,
    stacks: Stacks,
    statuses: Statuses,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> StackAnswer:
    """Restart one service without the rest."""
    asked = await stacks.restart_service(caller, project, service, key=idempotency_key)
    return await _answer(asked, statuses, response)


@router.patch("/projects/{project}/stack")
async def change_stack(
    project: str, body: StackChange, caller: Runner, changes: Changes, statuses: Statuses
) -> StackChanged:
    """Change limits, ports and runtime of the stack; they hold from the next start on.

    What is left out stays as it is.
    """
    warnings = await changes.change(caller, project, body.model_dump(exclude_unset=True))
    return StackChanged.after_change(await statuses.get(project), warnings)


async def _answer(asked: Asked, statuses: StackStatuses, response: Response) -> StackAnswer:
    if not asked.changed:
        response.status_code = status.HTTP_200_OK
    return StackAnswer.after(await statuses.get(asked.project.id), changed=asked.changed)
