"""Where a stack runs, and what its attempts are called."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from commandcenter.stacks.ports import Key


@dataclass(frozen=True, slots=True)
class Place:
    project_id: str
    folder: Path  # the project's, checked
    data_directory: Path
    ports: Mapping[Key, int]  # ports of the host
    redact: tuple[str, ...] = ()  # secrets of the stack, hidden in every log of it
    accepted: frozenset[str] = frozenset()  # limits that need not be enforced
    is_default: bool = False  # the default stack, whose applications are completed from the folder

    def volume(self, name: str) -> Path:
        return self.volumes / self.project_id / name

    @property
    def volumes(self) -> Path:
        return self.data_directory / "volumes"


def attempt_id(project_id: str, service: str, number: int) -> str:
    """Return the id of a service's attempt: the same after a restart of the hub."""
    return f"{project_id}.{service}.{number}"
