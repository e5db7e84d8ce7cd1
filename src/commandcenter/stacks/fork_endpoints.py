"""Forking the stack of a project, and discarding forks."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Response, status

from commandcenter.auth.caller import require
from commandcenter.auth.identity import Caller
from commandcenter.auth.permissions import Permission
from commandcenter.kit.injection import provide
from commandcenter.stacks.fork_schemas import ForkAnswer, ForkIn, ForkView
from commandcenter.stacks.forks import Forks

router = APIRouter(tags=["stacks"])

Service = Annotated[Forks, Depends(provide(Forks))]
Reader = Annotated[Caller, Depends(require(Permission.STACKS_READ))]
# And `stacks:run`, which the service asks for.
Writer = Annotated[Caller, Depends(require(Permission.PROJECTS_WRITE))]


@router.post("/projects/{project}/fork", status_code=status.HTTP_202_ACCEPTED)
async def fork_stack(
    project: str,
    body: ForkIn,
    caller: Writer,
    forks: Service,
    response: Response,
    idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
) -> ForkAnswer:
    """Copy the project's stack with its data, as of one moment, to a new project.

    The copying goes on after the answer: the status of the new project tells how far it is.
    """
    forked = await forks.fork(
        caller,
        project,
        name=body.name,
        starts=body.start,
        max_pause_seconds=body.max_pause_seconds,
        key=idempotency_key,
    )
    if not forked.changed:
        response.status_code = status.HTTP_200_OK
    return ForkAnswer.after(forked, forks.progress(forked.project.id))


@router.get("/projects/{project}/fork")
async def fork_state(project: str, _caller: Reader, forks: Service) -> ForkView:
    """Return what became of a fork, by its own id or name; for a week also of one given up."""
    fork = await forks.get(project)
    return ForkView.of(fork, forks.progress(fork.project_id))


@router.post("/projects/{project}/discard", status_code=status.HTTP_202_ACCEPTED)
async def discard_fork(project: str, caller: Writer, forks: Service) -> ForkView:
    """Stop a fork and forget it with all its data. It is gone once it is not found any more."""
    return ForkView.of(await forks.discard(caller, project), None)
