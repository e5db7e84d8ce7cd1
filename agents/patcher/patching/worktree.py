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
from collections.abc import Sequence
from contextlib import suppress

from patching.file_state import State, open_folder, open_parent, state_of
from patching.git import split_nul
from patching.outcome import Conflict, RefusedError
from patching.patch_text import display
from patching.policy import TreeChange
from patching.repository import Repository
from patching.staging import Staging, index_tree, nul_list, skipped_paths

_IN_PROGRESS = {
    "MERGE_HEAD": "a merge",
    "CHERRY_PICK_HEAD": "a cherry-pick",
    "REVERT_HEAD": "a revert",
    "rebase-merge": "a rebase",
    "rebase-apply": "a rebase",
}
_MAX_TOLD = 50


def refuse_operation_in_progress(repository: Repository) -> None:
    """Raise `RefusedError` while a merge, rebase or the like is going on."""
    for name, words in _IN_PROGRESS.items():
        if (repository.git_directory / name).exists():
            message = f"{words} is in progress in the working tree: finish or abort it first"
            raise RefusedError("dirty_working_tree", message)


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
    with open_folder(staging.root) as root:
        skipped = skipped_paths(staging)
        for change in staging.changes:
            if (
                change.path not in reasons
                and state_of(staging, root, change, skipped) is State.OTHER
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


def bring_along(staging: Staging) -> list[Conflict]:
    """Replace the files, then the index. Returns those left alone because they were changed.

    May be run again after a kill at any point.
    """
    left = []
    deletions = [change for change in staging.changes if change.is_deleted]
    writes = [change for change in staging.changes if not change.is_deleted]
    with open_folder(staging.root) as root:
        skipped = skipped_paths(staging)
        for change in [*reversed(deletions), *writes]:
            try:
                state = state_of(staging, root, change, skipped)
                if state is State.OLD:
                    _replace(staging, root, change)
                elif state is State.OTHER:
                    reason = "was changed while the patch came in, and was left as it is"
                    left.append(Conflict(display(change.path), reason))
                _drop_leftover(root, change.path)
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


def _with_filter(staging: Staging, paths: Sequence[bytes]) -> set[bytes]:
    if not paths:
        return set()
    answer = split_nul(
        staging.git.run("check-attr", "-z", "--stdin", "filter", stdin=nul_list(paths))
    )
    values = zip(answer[::3], answer[2::3], strict=True)
    return {path for path, value in values if value not in (b"unspecified", b"unset")}


def _replace(staging: Staging, root: int, change: TreeChange) -> None:
    if change.is_deleted:
        with open_parent(root, change.path) as (folder, name):
            os.unlink(name, dir_fd=folder)
        _remove_empty_parents(root, change.path)
        return
    staged = os.fsencode(staging.folder / "new") + b"/" + change.path
    with open_parent(root, change.path, create=True) as (folder, name):
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
    beside = _beside(name)
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


def _beside(name: bytes) -> bytes:
    return b".commandcenter-" + hashlib.sha256(name).hexdigest()[:16].encode()


def _drop_leftover(root: int, path: bytes) -> None:
    """Remove what a run that was killed amid a copy left beside a file."""
    with suppress(OSError), open_parent(root, path) as (folder, name):
        os.unlink(_beside(name), dir_fd=folder)


def _remove_empty_parents(root: int, path: bytes) -> None:
    parent = path.rpartition(b"/")[0]
    while parent:
        try:
            with open_parent(root, parent) as (folder, name):
                os.rmdir(name, dir_fd=folder)
        except OSError:
            return  # not empty
        parent = parent.rpartition(b"/")[0]
