"""Whether a file of the working tree still is what it was, or is what it is to be already."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum, auto
from pathlib import Path

from patching.policy import TreeChange
from patching.staging import Staging

_SYMLINK = "120000"
_EXECUTABLE = "100755"


class State(Enum):
    OLD = auto()
    NEW = auto()
    OTHER = auto()


@contextmanager
def open_folder(path: Path) -> Iterator[int]:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield handle
    finally:
        os.close(handle)


@contextmanager
def open_parent(root: int, path: bytes, *, create: bool = False) -> Iterator[tuple[int, bytes]]:
    """Open the folder a path lies in, going through no symbolic link. Raises `OSError`."""
    *folders, name = path.split(b"/")
    here = os.dup(root)
    try:
        for folder in folders:
            if create:
                with suppress(FileExistsError):
                    os.mkdir(folder, dir_fd=here)
            following = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=here)
            os.close(here)
            here = following
        yield here, name
    finally:
        os.close(here)


def state_of(staging: Staging, root: int, change: TreeChange, skipped: set[bytes]) -> State:
    try:
        with open_parent(root, change.path) as (folder, name):
            found = os.lstat(name, dir_fd=folder)
            is_folder = stat.S_ISDIR(found.st_mode)
            actual = None if is_folder else _read(folder, name, found)
    except (FileNotFoundError, NotADirectoryError) as error:
        return _state_of_absent(staging, change, skipped, error)
    except OSError:  # a symbolic link among its folders, above all
        return State.OTHER
    if is_folder:
        emptied = change.is_added and _only_deletions_in(staging, change.path)
        return State.OLD if emptied else State.OTHER
    return State.OTHER if actual is None else _state_of_file(staging, change, actual)


def _state_of_absent(
    staging: Staging, change: TreeChange, skipped: set[bytes], error: OSError
) -> State:
    if change.is_deleted:
        return State.NEW
    if isinstance(error, NotADirectoryError) and not _deletes_a_parent(staging, change):
        return State.OTHER
    return State.OLD if change.is_added or change.path in skipped else State.OTHER


def _state_of_file(staging: Staging, change: TreeChange, actual: tuple[str, bytes]) -> State:
    if not change.is_deleted and _same(staging, actual, change.path, "new"):
        return State.NEW
    if change.is_added:
        return State.OTHER
    if _same(staging, actual, change.path, "old"):
        return State.OLD
    return State.OLD if _normalised_is_old(staging, actual, change) else State.OTHER


def _read(folder: int, name: bytes, found: os.stat_result) -> tuple[str, bytes] | None:
    if stat.S_ISLNK(found.st_mode):
        return _SYMLINK, os.readlink(name, dir_fd=folder)
    if not stat.S_ISREG(found.st_mode):
        return None
    handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    with os.fdopen(handle, "rb") as file:
        content = file.read()
    return (_EXECUTABLE if found.st_mode & stat.S_IXUSR else "100644"), content


def _same(staging: Staging, actual: tuple[str, bytes], path: bytes, version: str) -> bool:
    with open_folder(staging.folder / version) as top, open_parent(top, path) as (folder, name):
        staged = _read(folder, name, os.lstat(name, dir_fd=folder))
    return staged is not None and staged[1] == actual[1] and _same_kind(staging, actual, staged[0])


def _same_kind(staging: Staging, actual: tuple[str, bytes], mode: str) -> bool:
    if staging.scratch.trusts_modes or _SYMLINK in (actual[0], mode):
        return actual[0] == mode
    return True


def _normalised_is_old(staging: Staging, actual: tuple[str, bytes], change: TreeChange) -> bool:
    """Whether git takes the file for unchanged although its line ends differ."""
    if actual[0] == _SYMLINK or not _same_kind(staging, actual, change.old_mode):
        return False
    path = b"--path=" + change.path
    return staging.git.text("hash-object", path, "--stdin", stdin=actual[1]) == change.old_id


def _only_deletions_in(staging: Staging, path: bytes) -> bool:
    deleted = {change.path for change in staging.changes if change.is_deleted}
    top = staging.root / os.fsdecode(path)
    return all(
        os.fsencode((Path(folder) / name).relative_to(staging.root)) in deleted
        for folder, folders, files in os.walk(top)
        for name in (*files, *(one for one in folders if (Path(folder) / one).is_symlink()))
    )


def _deletes_a_parent(staging: Staging, change: TreeChange) -> bool:
    deleted = {other.path for other in staging.changes if other.is_deleted}
    parts = change.path.split(b"/")
    return any(b"/".join(parts[:length]) in deleted for length in range(1, len(parts)))
