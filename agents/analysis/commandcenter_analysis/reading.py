"""Opening a repository's files without ever leaving the repository."""

import os
import stat
from pathlib import Path

from commandcenter_analysis.skips import SkipReason

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Without O_NONBLOCK opening a pipe would wait for its writer for ever.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class NotReadError(Exception):
    """A file that was not read, with the reason for the record."""

    def __init__(self, reason: SkipReason, detail: str = "") -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.detail = detail


def open_root(root: Path) -> int:
    """Open the repository's top; every other file is opened below this descriptor."""
    return os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def open_directory(root: int, path: str) -> int:
    """Open a directory below `root` component by component, no link followed on the way."""
    parts = path.split("/") if path else []
    if {"", ".", ".."} & set(parts):
        raise NotReadError(SkipReason.OUTSIDE)
    current = os.dup(root)
    try:
        for part in parts:
            following = os.open(part, _DIRECTORY, dir_fd=current)
            os.close(current)
            current = following
    except BaseException:
        os.close(current)
        raise
    return current


def read_file(root: int, path: str, *, most: int) -> bytes:
    """The content of a regular file below `root`.

    Raises `NotReadError` for a link, anything that is not a regular file, a file of more than
    `most` bytes, one that is gone or may not be read.
    """
    directory, _, name = path.rpartition("/")
    if name in {"", ".", ".."} or path.startswith("/"):
        raise NotReadError(SkipReason.OUTSIDE)
    try:
        parent = open_directory(root, directory)
        try:
            return _read_in(parent, name, most)
        finally:
            os.close(parent)
    except FileNotFoundError as error:
        raise NotReadError(SkipReason.MISSING) from error
    except (OSError, ValueError) as error:
        raise NotReadError(SkipReason.UNREADABLE, type(error).__name__) from error


def read_head(parent: int, name: str, size: int) -> bytes:
    """The first `size` bytes of a regular file in the open directory `parent`. Raises OSError."""
    with os.fdopen(os.open(name, _FILE, dir_fd=parent), "rb") as file:
        return file.read(size) if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else b""


def _read_in(parent: int, name: str, most: int) -> bytes:
    mode = os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode
    if stat.S_ISLNK(mode):
        raise NotReadError(SkipReason.SYMLINK)
    if not stat.S_ISREG(mode):
        raise NotReadError(SkipReason.NOT_A_FILE)
    descriptor = os.open(name, _FILE, dir_fd=parent)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise NotReadError(SkipReason.NOT_A_FILE)
        if status.st_size > most:
            raise NotReadError(SkipReason.TOO_LARGE, f"{status.st_size} bytes")
        data = file.read(most + 1)
    if len(data) > most:
        raise NotReadError(SkipReason.TOO_LARGE)
    return data
