"""Which interpreters of this machine the services of a sandbox see: the system's, and the hub's."""

import os
import shutil
from pathlib import Path

from commandcenter.runner.interpreter import own_interpreter

SYSTEM_PYTHON = "/usr/bin/python3"
_SYSTEM = (Path("/usr"), Path("/bin"), Path("/etc/alternatives"))
_MAX_LINKS = 40  # as many as the kernel follows


def own_trees() -> tuple[Path, ...]:
    """Return what is to be shown of this machine for the hub's own Python and its packages."""
    return tuple(map(Path, own_interpreter().trees))


def trees_for(python: Path) -> tuple[Path, ...]:
    """Return which of these hold the interpreter that a path leads to.

    A link in a project's folder decides nothing: all others stay unseen.
    """
    real = Path(os.path.realpath(python))
    return tuple(tree for tree in own_trees() if real.is_relative_to(tree))


def unseen(python: Path) -> Path | None:
    """Return where a path leads that services do not see even with `trees_for` it; None if nowhere.

    Every link on the way counts: one through a place that is not shown leads nowhere.
    """
    links = (Path(path) for path, _ in own_interpreter().links)
    shown = (*_SYSTEM, *trees_for(python), *links)
    step = python
    for _ in range(_MAX_LINKS):
        if not step.is_symlink():
            break
        target = step.readlink()
        step = step.parent / target
        if target.is_absolute() and not _is_within(step, shown):
            return step
    real = Path(os.path.realpath(python))
    return None if real.exists() and _is_within(real, shown) else real


def python_for_environments() -> str:
    """Return the Python that people are told to make an environment with."""
    found = shutil.which("python3")
    return "python3" if found is not None and unseen(Path(found)) is None else SYSTEM_PYTHON


def _is_within(path: Path, places: tuple[Path, ...]) -> bool:
    return any(path.is_relative_to(place) for place in places)
