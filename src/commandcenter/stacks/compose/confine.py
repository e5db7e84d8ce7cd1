"""Paths of a definition, each confined to the project's folder."""

from commandcenter.stacks.compose.cursor import Cursor
from commandcenter.stacks.compose.files import (
    OutsideProjectError,
    ProjectFileError,
    ProjectFiles,
)

_ENGINE_SOCKETS = ("docker.sock", "podman.sock", "containerd.sock", "crio.sock", "dockershim.sock")
_REMOTE = ("git@", "github.com/", "oci-layout:", "target:", "service:")


def confined(path: str, where: Cursor, files: ProjectFiles) -> str | None:
    """Return the path told from the project's folder; None after reporting why it is refused."""
    if is_engine_socket(path):
        where.unsafe(
            f"{path} is the socket of a container engine, which gives all power over this machine",
            "take it away; CommandCenter watches the services itself",
        )
        return None
    try:
        return files.locate(path)
    except OutsideProjectError as error:
        where.unsafe(str(error), "use a path in the project, or a named volume")
    except ProjectFileError as error:
        where.invalid(str(error))
    return None


def is_engine_socket(path: str) -> bool:
    return path.rstrip("/").rpartition("/")[2] in _ENGINE_SOCKETS


def is_remote(path: str) -> bool:
    """Whether a build context or include names something that is fetched."""
    return "://" in path or path.startswith(_REMOTE) or path.endswith(".git")
