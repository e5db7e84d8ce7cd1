"""What a project's folder brings: a compose file of its own, or an application for the default."""

from dataclasses import dataclass

from commandcenter.stacks.compose.files import PathKind, ProjectFileError, ProjectFiles
from commandcenter.stacks.default_stack import StackLayout

# In the order in which Compose looks; the first that is there is taken.
COMPOSE_FILES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
OVERRIDE_FILES = (
    "compose.override.yaml",
    "compose.override.yml",
    "docker-compose.override.yaml",
    "docker-compose.override.yml",
)
_BACKENDS = (
    ("backend/main.py", "backend", "main:app"),
    ("backend/app/main.py", "backend", "app.main:app"),
    ("main.py", ".", "main:app"),
    ("app/main.py", ".", "app.main:app"),
)
_FRONTENDS = (("frontend/package.json", "frontend"), ("package.json", "."))


@dataclass(frozen=True, slots=True)
class ComposeFound:
    """The project's own definition: `files` in the order in which they are put together.

    `passed_over` are further compose files that are not read.
    """

    files: tuple[str, ...]
    passed_over: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DefaultFound:
    """No compose file: the default stack. `missing` are services whose program was not found."""

    layout: StackLayout
    missing: tuple[str, ...] = ()


def detect_stack(files: ProjectFiles) -> ComposeFound | DefaultFound:
    """Return what the folder brings; looks at names only."""
    found = [name for name in COMPOSE_FILES if _is_there(files, name)]
    if found:
        overrides = [name for name in OVERRIDE_FILES if _is_there(files, name)]
        return ComposeFound((found[0], *overrides[:1]), (*found[1:], *overrides[1:]))
    backend = next((each for each in _BACKENDS if _is_file(files, each[0])), None)
    frontend = next((each for each in _FRONTENDS if _is_file(files, each[0])), None)
    usual = StackLayout()
    layout = StackLayout(
        backend[1] if backend else usual.backend_folder,
        backend[2] if backend else usual.backend_application,
        frontend[1] if frontend else usual.frontend_folder,
    )
    missing = [
        name for name, program in (("backend", backend), ("frontend", frontend)) if not program
    ]
    return DefaultFound(layout, tuple(missing))


def _is_there(files: ProjectFiles, path: str) -> bool:
    """Whether there is anything: what is no file is refused when it is read, not passed over."""
    try:
        return files.kind(path) is not PathKind.MISSING
    except ProjectFileError:  # a link that leads out
        return True


def _is_file(files: ProjectFiles, path: str) -> bool:
    try:
        return files.kind(path) is PathKind.FILE
    except ProjectFileError:  # the same: reading it says what is wrong
        return True
