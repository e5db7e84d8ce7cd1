"""Bring the files of a checked-out branch along with it, one atomic replacement each.

Both versions of every changed file are first written out under .git; then each file in the
working tree is replaced by a rename, but only if it still is what it was. So a run that is killed
can be finished by the next one, and an edit made in the meantime is left alone and reported.
"""

import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from patching.git import Git, GitError, split_nul
from patching.outcome import Conflict, RefusedError
from patching.patch_text import display
from patching.policy import TreeChange
from patching.repository import Repository, Scratch

_SYMLINK = "120000"
_EXECUTABLE = "100755"
_IN_PROGRESS = {
    "MERGE_HEAD": "a merge",
    "CHERRY_PICK_HEAD": "a cherry-pick",
    "REVERT_HEAD": "a revert",
    "rebase-merge": "a rebase",
    "rebase-apply": "a rebase",
}
_MAX_TOLD = 50


class _State(Enum):
    OLD = auto()
    NEW = auto()
    OTHER = auto()


@dataclass(frozen=True, slots=True)
class Staging:
    """The two versions of the changed files, and a copy of the index, under .git."""

    scratch: Scratch
    folder: Path
    changes: Sequence[TreeChange]
    old: str
    new: str

    @property
    def git(self) -> Git:
        """Plumbing on the working tree, with the copy of the index."""
        return self.scratch.worktree_git.with_index(self.folder / "index")

    @property
    def root(self) -> Path:
        worktree = self.scratch.repository.worktree
        if worktree is None:
            raise ValueError("a bare repository has no working tree")
        return worktree


def refuse_operation_in_progress(repository: Repository) -> None:
    """Raise `RefusedError` while a merge, rebase or the like is going on."""
    for name, words in _IN_PROGRESS.items():
        if (repository.git_directory / name).exists():
            message = f"{words} is in progress in the working tree: finish or abort it first"
            raise RefusedError("dirty_working_tree", message)


def stage(staging: Staging) -> None:
    """Copy the index and write both versions out; a full disk shows here, before any change."""
    for version, commit in (("old", staging.old), ("new", staging.new)):
        git = staging.scratch.worktree_git.with_index(staging.folder / f"{version}.index")
        git.run("read-tree", commit)
        paths = [
            change.path
            for change in staging.changes
            if not (change.is_added if version == "old" else change.is_deleted)
        ]
        if not paths:
            continue
        prefix = f"--prefix={staging.folder}/{version}/"
        git.run("checkout-index", "-f", prefix, "-z", "--stdin", stdin=_nul_list(paths))
    index = staging.scratch.repository.index
    if index.exists():
        (staging.folder / "index").write_bytes(index.read_bytes())


def refuse_unclean(staging: Staging) -> None:
    """Raise `RefusedError` unless index, working tree and the old commit say the same."""
    if index_tree(staging) != staging.git.text("rev-parse", f"{staging.old}^{{tree}}"):
        message = "the index differs from the branch: commit or unstage what is staged"
        raise RefusedError("dirty_working_tree", message)
    if filtered := _with_filter(staging, [change.path for change in staging.changes]):
        raise RefusedError(
            "unsupported",
            "the patch changes files that a filter such as Git LFS rewrites, and the branch is "
            "checked out; filters are programs of the repository's choice and are not run",
            [Conflict(display(path), "is rewritten by a filter") for path in sorted(filtered)],
        )
    ignored = "--ignore-submodules"
    staging.git.attempt("update-index", "-q", "--really-refresh", ignored)
    changed = split_nul(
        staging.git.run("diff-files", "--name-only", "-z", f"{ignored}=all", "--no-ext-diff")
    )
    dirty = set(changed) - _with_filter(staging, changed)
    reasons = dict.fromkeys(dirty, "has changes that are not committed")
    with _open_folder(staging.root) as root:
        skipped = _skipped(staging)
        for change in staging.changes:
            if (
                change.path not in reasons
                and _state(staging, root, change, skipped) is _State.OTHER
            ):
                reasons[change.path] = (
                    "is in the way: a file or folder that git does not track"
                    if change.is_added
                    else "has changes that are not committed"
                )
    if reasons:
        conflicts = [Conflict(display(path), reasons[path]) for path in sorted(reasons)[:_MAX_TOLD]]
        more = f" and {len(reasons) - 1} more" if len(reasons) > 1 else ""
        message = (
            f"the branch is checked out and its working tree is not clean: {conflicts[0]}{more}; "
            "commit or stash first"
        )
        raise RefusedError("dirty_working_tree", message, conflicts)


def index_tree(staging: Staging) -> str | None:
    """Return the tree that the copy of the index stands for; None if it has conflicts."""
    try:
        return staging.git.text("write-tree")
    except GitError:
        return None


def bring_along(staging: Staging) -> list[Conflict]:
    """Replace the files, then the index. Returns those left alone because they were changed.

    May be run again after a kill at any point.
    """
    left = []
    deletions = [change for change in staging.changes if change.is_deleted]
    writes = [change for change in staging.changes if not change.is_deleted]
    with _open_folder(staging.root) as root:
        skipped = _skipped(staging)
        for change in [*reversed(deletions), *writes]:
            try:
                state = _state(staging, root, change, skipped)
                if state is _State.OLD:
                    _replace(staging, root, change)
                elif state is _State.OTHER:
                    reason = "was changed while the patch came in, and was left as it is"
                    left.append(Conflict(display(change.path), reason))
            except OSError as error:
                reason = f"could not be written: {error.strerror}"
                left.append(Conflict(display(change.path), reason))
    entries = b"".join(
        b"%s %s\t%s\0" % (change.new_mode.encode(), change.new_id.encode(), change.path)
        for change in [*deletions, *writes]
    )
    staging.git.run("update-index", "-z", "--index-info", stdin=entries)
    staging.git.attempt("update-index", "-q", "--refresh", "--ignore-submodules")
    (staging.folder / "index").replace(staging.scratch.repository.index)
    return left


def _nul_list(paths: Sequence[bytes]) -> bytes:
    return b"".join(path + b"\0" for path in paths)


def _with_filter(staging: Staging, paths: Sequence[bytes]) -> set[bytes]:
    if not paths:
        return set()
    answer = split_nul(
        staging.git.run("check-attr", "-z", "--stdin", "filter", stdin=_nul_list(paths))
    )
    values = zip(answer[::3], answer[2::3], strict=True)
    return {path for path, value in values if value not in (b"unspecified", b"unset")}


def _skipped(staging: Staging) -> set[bytes]:
    """Return the changed paths that a sparse checkout leaves out of the working tree."""
    wanted = {change.path for change in staging.changes}
    listing = split_nul(staging.git.run("ls-files", "-t", "-z"))
    return {line[2:] for line in listing if line.startswith(b"S ")} & wanted


@contextmanager
def _open_folder(path: Path) -> Iterator[int]:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield handle
    finally:
        os.close(handle)


@contextmanager
def _open_parent(root: int, path: bytes, *, create: bool = False) -> Iterator[tuple[int, bytes]]:
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


def _state(staging: Staging, root: int, change: TreeChange, skipped: set[bytes]) -> _State:
    try:
        with _open_parent(root, change.path) as (folder, name):
            found = os.lstat(name, dir_fd=folder)
            is_folder = stat.S_ISDIR(found.st_mode)
            actual = None if is_folder else _read(folder, name, found)
    except (FileNotFoundError, NotADirectoryError) as error:
        return _state_of_absent(staging, change, skipped, error)
    except OSError:  # a symbolic link among its folders, above all
        return _State.OTHER
    if is_folder:
        emptied = change.is_added and _only_deletions_in(staging, change.path)
        return _State.OLD if emptied else _State.OTHER
    return _State.OTHER if actual is None else _state_of_file(staging, change, actual)


def _state_of_absent(
    staging: Staging, change: TreeChange, skipped: set[bytes], error: OSError
) -> _State:
    if change.is_deleted:
        return _State.NEW
    if isinstance(error, NotADirectoryError) and not _deletes_a_parent(staging, change):
        return _State.OTHER
    return _State.OLD if change.is_added or change.path in skipped else _State.OTHER


def _state_of_file(staging: Staging, change: TreeChange, actual: tuple[str, bytes]) -> _State:
    if not change.is_deleted and _same(staging, actual, change.path, "new"):
        return _State.NEW
    if change.is_added:
        return _State.OTHER
    if _same(staging, actual, change.path, "old"):
        return _State.OLD
    return _State.OLD if _normalised_is_old(staging, actual, change) else _State.OTHER


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
    with _open_folder(staging.folder / version) as top, _open_parent(top, path) as (folder, name):
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


def _replace(staging: Staging, root: int, change: TreeChange) -> None:
    if change.is_deleted:
        with _open_parent(root, change.path) as (folder, name):
            os.unlink(name, dir_fd=folder)
        _remove_empty_parents(root, change.path)
        return
    staged = os.fsencode(staging.folder / "new") + b"/" + change.path
    with _open_parent(root, change.path, create=True) as (folder, name):
        try:
            os.rename(staged, name, dst_dir_fd=folder)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            # In the sandbox .git is a mount of its own, so that it cannot be renamed away.
            _rename_across(staged, name, folder)


def _rename_across(staged: bytes, name: bytes, folder: int) -> None:
    """Copy to a name beside the target first, so that the target changes in one go.

    The name is always the same one: what a kill leaves behind, the next try replaces.
    """
    beside = b".commandcenter-" + hashlib.sha256(name).hexdigest()[:16].encode()
    with suppress(FileNotFoundError):
        os.unlink(beside, dir_fd=folder)
    found = os.lstat(staged)
    if stat.S_ISLNK(found.st_mode):
        os.symlink(os.readlink(staged), beside, dir_fd=folder)  # noqa: PTH115  # a name of bytes
    else:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        mode = stat.S_IMODE(found.st_mode)
        with (
            open(staged, "rb") as reading,  # noqa: PTH123  # a name of bytes
            open(os.open(beside, flags, mode, dir_fd=folder), "wb") as writing,  # noqa: PTH123
        ):
            os.fchmod(writing.fileno(), mode)
            shutil.copyfileobj(reading, writing)
            writing.flush()
            os.fsync(writing.fileno())
    os.rename(beside, name, src_dir_fd=folder, dst_dir_fd=folder)
    with suppress(FileNotFoundError):
        os.unlink(staged)  # noqa: PTH108  # a name of bytes


def _remove_empty_parents(root: int, path: bytes) -> None:
    parent = path.rpartition(b"/")[0]
    while parent:
        try:
            with _open_parent(root, parent) as (folder, name):
                os.rmdir(name, dir_fd=folder)
        except OSError:
            return  # not empty
        parent = parent.rpartition(b"/")[0]
