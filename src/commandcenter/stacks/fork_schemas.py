"""Forks as the API tells of them."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from commandcenter.models import StackFork
from commandcenter.projects.naming import ProjectName
from commandcenter.projects.schemas import ProjectView
from commandcenter.stacks.fork_phases import CopyProgress, ForkPhase
from commandcenter.stacks.forks import Forked

DEFAULT_MAX_PAUSE_SECONDS = 60.0


class ForkIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: ProjectName
    start: bool = True
    # the longest that the services of the origin may stand still; else the fork is given up
    max_pause_seconds: Annotated[float, Field(gt=0, le=3600)] = DEFAULT_MAX_PAUSE_SECONDS


class ForkView(BaseModel):
    """`message` is how far the copy is, or why it was given up."""

    project_id: str
    name: str
    origin_id: str
    origin_name: str
    phase: ForkPhase
    message: str
    size_bytes: int | None
    pause_seconds: float | None  # null: the origin did not run
    created_at: datetime

    @classmethod
    def of(cls, fork: StackFork, progress: CopyProgress | None) -> "ForkView":
        return cls(
            project_id=fork.project_id,
            name=fork.name,
            origin_id=fork.origin_id,
            origin_name=fork.origin_name,
            phase=ForkPhase(fork.phase),
            message=progress.words if progress is not None else fork.reason,
            size_bytes=fork.size_bytes,
            pause_seconds=fork.pause_seconds,
            created_at=fork.created_at,
        )


class ForkAnswer(ProjectView):
    """The new project."""

    changed: bool  # False: the same request came before
    fork: ForkView

    @classmethod
    def after(cls, forked: Forked, progress: CopyProgress | None) -> "ForkAnswer":
        return cls(
            **ProjectView.model_validate(forked.project).model_dump(),
            changed=forked.changed,
            fork=ForkView.of(forked.fork, progress),
        )
