from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from commandcenter.projects.naming import ProjectName


class ProjectAdd(BaseModel):
    model_config = ConfigDict(extra="forbid")

    path: Annotated[str, Field(min_length=1, max_length=4096)]
    name: ProjectName | None = None


class GitView(BaseModel):
    """`clean` is about tracked files and null where it is not known; `problem` then says why."""

    model_config = ConfigDict(from_attributes=True)

    is_repository: bool
    head_commit: str | None
    branch: str | None
    clean: bool | None
    is_bare: bool
    problem: str | None


class ProjectView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str
    path: str
    created_at: datetime
    created_by: str
    forked_from: str | None  # the project whose stack it is a copy of: its id, its name then
    forked_from_name: str | None
    forked_at: datetime | None


class ProjectAdded(ProjectView):
    warnings: list[str]  # what agents will miss in the folder, in words


class ProjectDetail(ProjectView):
    available: bool  # whether the folder is there and still allowed
    problem: str | None  # why not
    git: GitView | None


class FolderView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    name: str
    path: str
    is_repository: bool


class FolderListingView(BaseModel):
    """Without `path`: the allowed roots. `parent` is null where one cannot go up."""

    path: str | None
    parent: str | None
    folders: list[FolderView]
    truncated: bool
