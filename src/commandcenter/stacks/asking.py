"""What people ask of a stack: how a request is known again, and what became of it."""

from dataclasses import dataclass

from commandcenter.auth.identity import Caller
from commandcenter.models import Project
from commandcenter.stacks.errors import StackNotRunningError

_LONGEST_REQUEST = 400


@dataclass(frozen=True, slots=True)
class Asked:
    """What became of a wish. `changed` is False when it was so already."""

    project: Project
    changed: bool


def not_running(project: Project) -> StackNotRunningError:
    return StackNotRunningError(
        f"The stack of project {project.name!r} does not run.",
        hint=f"Start it: commandcenter project start {project.name}",
    )


def request_mark(caller: Caller, what: str, key: str | None) -> str | None:
    """Return how a request is told from others; None: it has no `Idempotency-Key`."""
    return None if key is None else f"{caller.principal_id} {what} {key}"[:_LONGEST_REQUEST]
