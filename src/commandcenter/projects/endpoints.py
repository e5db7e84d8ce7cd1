from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response, status

from commandcenter.auth.caller import require
from commandcenter.auth.identity import Caller
from commandcenter.auth.permissions import Permission
from commandcenter.kit.injection import provide
from commandcenter.kit.pages import DEFAULT_PAGE, MAX_PAGE, Page
from commandcenter.projects.schemas import (
    FolderListingView,
    FolderView,
    GitView,
    ProjectAdd,
    ProjectAdded,
    ProjectDetail,
    ProjectView,
)
from commandcenter.projects.service import ProjectService

router = APIRouter(tags=["projects"])

Service = Annotated[ProjectService, Depends(provide(ProjectService))]
Reader = Annotated[Caller, Depends(require(Permission.PROJECTS_READ))]
Writer = Annotated[Caller, Depends(require(Permission.PROJECTS_WRITE))]


@router.post("/projects", status_code=status.HTTP_201_CREATED)
async def add_project(
    body: ProjectAdd, caller: Writer, service: Service, response: Response
) -> ProjectAdded:
    """Make a folder a project. The same folder again returns the same project, with status 200."""
    added = await service.add(caller, path=body.path, name=body.name)
    if not added.created:
        response.status_code = status.HTTP_200_OK
    return ProjectAdded(
        **ProjectView.model_validate(added.project).model_dump(), warnings=list(added.warnings)
    )


@router.get("/projects")
async def list_projects(
    _caller: Reader,
    service: Service,
    cursor: Annotated[str | None, Query(max_length=64)] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = DEFAULT_PAGE,
) -> Page[ProjectView]:
    """List projects by name."""
    found = await service.page(after=cursor, limit=limit + 1)
    items = [ProjectView.model_validate(project) for project in found[:limit]]
    return Page(items=items, next_cursor=items[-1].name if len(found) > limit else None)


@router.get("/projects/{project}")
async def get_project(project: str, _caller: Reader, service: Service) -> ProjectDetail:
    """Return a project, by id or name, with what git says about its folder now."""
    state = await service.state(project)
    return ProjectDetail(
        **ProjectView.model_validate(state.project).model_dump(),
        available=state.problem is None,
        problem=state.problem.detail if state.problem else None,
        git=GitView.model_validate(state.git) if state.git else None,
    )


@router.delete("/projects/{project}", status_code=status.HTTP_204_NO_CONTENT)
async def remove_project(project: str, caller: Writer, service: Service) -> None:
    """Forget a project. Its folder stays as it is; refused while runs are active."""
    await service.remove(caller, project)


@router.get("/folders")
async def list_folders(
    _caller: Writer,
    service: Service,
    path: Annotated[str | None, Query(max_length=4096)] = None,
) -> FolderListingView:
    """List the folders in an allowed folder, for a picker; without `path`, the allowed roots."""
    listing = await service.list_folders(path)
    return FolderListingView(
        path=str(listing.path) if listing.path else None,
        parent=str(listing.parent) if listing.parent else None,
        folders=[
            FolderView(name=item.name, path=str(item.path), is_repository=item.is_repository)
            for item in listing.folders
        ],
        truncated=listing.truncated,
    )
