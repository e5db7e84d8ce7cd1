"""The room on a disk, and telling from an error that there was none."""

import errno
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from commandcenter.kit.errors import ProblemError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
# SQLite says "disk I/O error" where its shared memory or journal could not grow.
_PERHAPS_FULL = frozenset({sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN})
_NEXT_TO_NOTHING_BYTES = 256 * 1024
_POSTGRESQL_DISK_FULL = "53100"


class DiskFullError(ProblemError):
    """Passing: what was asked for can be asked again once there is room."""

    code = "disk_full"
    status = 507
    title = "The disk is full"


@dataclass(frozen=True, slots=True)
class Space:
    """What this process may still use of a file system. `free_files` is None where uncounted."""

    free_bytes: int
    total_bytes: int
    free_files: int | None

    @property
    def is_exhausted(self) -> bool:
        return self.free_bytes < _NEXT_TO_NOTHING_BYTES or self.free_files == 0


def space_at(path: Path) -> Space:
    """Return the space of the file system that the path, or its nearest parent, lies on.

    Raises OSError.
    """
    while not path.exists() and path != path.parent:
        path = path.parent
    state = os.statvfs(path)
    return Space(
        free_bytes=state.f_bavail * state.f_frsize,
        total_bytes=state.f_blocks * state.f_frsize,
        free_files=state.f_favail if state.f_files else None,
    )


def disk_full(error: BaseException, directory: Path | None = None) -> DiskFullError | None:
    """Return the problem in words when the error, or what caused it, is a full disk.

    `directory` is the data directory, for the words, and for errors that say less than that: they
    count when there is no room left there.
    """
    for cause in _causes(error):
        if isinstance(cause, DiskFullError):
            return cause
        if getattr(cause, "sqlstate", None) == _POSTGRESQL_DISK_FULL:
            return DiskFullError(
                "The disk of the PostgreSQL server is full: nothing can be stored.",
                hint="Free space there; the hub goes on by itself.",
            )
        number = getattr(cause, "sqlite_errorcode", 0) & 0xFF
        if number == sqlite3.SQLITE_FULL or (isinstance(cause, OSError) and cause.errno in _FULL):
            return data_disk_full(directory)
        if number in _PERHAPS_FULL and directory is not None and _is_exhausted(directory):
            return data_disk_full(directory)
    return None


def data_disk_full(directory: Path | None = None) -> DiskFullError:
    where = f" ({directory})" if directory is not None else ""
    return DiskFullError(
        f"The disk of the data directory{where} is full: nothing can be stored.",
        hint="Free space there, or give it more; the hub goes on by itself, and runs continue.",
    )


def _is_exhausted(directory: Path) -> bool:
    try:
        return space_at(directory).is_exhausted
    except OSError:
        return False


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, what a library wrapped in it, and what it was raised from."""
    seen: set[int] = set()
    left: list[BaseException | None] = [error]
    while left:
        cause = left.pop()
        if cause is None or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        original = getattr(cause, "orig", None)
        left += [original if isinstance(original, BaseException) else None, cause.__cause__]
