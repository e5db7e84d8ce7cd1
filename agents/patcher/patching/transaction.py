"""Move a branch from one commit to another, with its backup and its working tree."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from patching import journal as journals
from patching import refs, worktree
from patching.journal import Journal
from patching.outcome import Conflict, RefusedError
from patching.policy import TreeChange, tree_changes
from patching.repository import Repository, Scratch
from patching.staging import Staging, index_tree, stage

_GITLINK = "160000"


class IncompleteError(Exception):
    """The branch has moved, its working tree has not followed; another run finishes that."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a killed run had begun and is now finished."""

    journal: Journal
    left_alone: Sequence[Conflict]


def move(scratch: Scratch, journal: Journal, changes: Sequence[TreeChange]) -> list[Conflict]:
    """Carry a journal out. Returns the files of the working tree that were left alone.

    Raises `RefusedError` with nothing changed.
    """
    repository = scratch.repository
    _refuse_other_worktree(repository, journal.ref)
    journals.write_journal(repository, journal)
    try:
        return _carry_out(scratch, journal, changes)
    except BaseException as error:
        if refs.commit_at(repository, journal.ref) == journal.new:
            # The journal stays, so that the next run finishes.
            raise IncompleteError(str(error)) from error
        journals.clear(repository, journal)
        raise


def _carry_out(scratch: Scratch, journal: Journal, changes: Sequence[TreeChange]) -> list[Conflict]:
    repository = scratch.repository
    staging = None
    if journal.has_worktree:
        _refuse_what_cannot_follow(repository, changes)
        staging = _stage(scratch, journal, changes)
        worktree.refuse_unclean(staging)
    scratch.keep_objects()
    if journal.backup is not None:
        refs.create_ref(repository, journal.backup, journal.old)
    try:
        refs.move_branch(repository, journal.ref, journal.new, journal.old)
    except RefusedError:
        if journal.backup is not None:
            refs.delete_ref(repository, journal.backup, journal.old)
        raise
    left = worktree.bring_along(staging) if staging is not None else []
    journals.clear(repository, journal)
    return left


def rehearse(scratch: Scratch, planned: Journal, changes: Sequence[TreeChange]) -> None:
    """Find out whether `move` would be refused now, without writing to the repository.

    Raises what it would raise: `RefusedError`, or `TemporaryFailure` if git is at work there.
    """
    repository = scratch.repository
    _refuse_other_worktree(repository, planned.ref)
    if not planned.has_worktree:
        return
    _refuse_what_cannot_follow(repository, changes)
    journals.await_index(repository)
    folder = scratch.folder / "rehearsal"
    folder.mkdir()
    staging = Staging(scratch, folder, changes, planned.old, planned.new)
    stage(staging)
    worktree.refuse_unclean(staging)


def recover(scratch: Scratch, log: Callable[[str], None]) -> Recovered | None:
    """Finish what a killed run left (returned), or take it back, or find nothing (None)."""
    repository = scratch.repository
    journal = journals.read_journal(repository)
    if journal is None:
        return None
    journals.drop_stale_ref_locks(repository, journal)
    found = refs.commit_at(repository, journal.ref)
    branch = refs.short(journal.ref)
    if found != journal.new:
        if found == journal.old and journal.backup is not None:
            refs.delete_ref(repository, journal.backup, journal.old)
        log(f"an earlier run on {branch} was interrupted before it changed the branch: cleared")
        journals.clear(repository, journal)
        return None
    left: list[Conflict] = []
    if journal.has_worktree and refs.current_branch(repository) == journal.ref:
        changes = tree_changes(scratch.git, journal.old, journal.new)
        staging = _stage(scratch, journal, changes)
        tree = index_tree(staging)
        if tree == scratch.git.text("rev-parse", f"{journal.old}^{{tree}}"):
            left = worktree.bring_along(staging)
        elif tree != scratch.git.text("rev-parse", f"{journal.new}^{{tree}}"):
            words = "the index was changed since; look at `git status` and put it right by hand"
            left = [Conflict("", words)]
    log(f"an earlier run on {branch} was interrupted: finished at {journal.new[:12]}")
    journals.clear(repository, journal)
    return Recovered(journal, left)


def _stage(scratch: Scratch, journal: Journal, changes: Sequence[TreeChange]) -> Staging:
    folder = journals.work_folder(scratch.repository, journal)
    journals.make_work_folder(folder)
    journals.lock_index(scratch.repository, journal)
    staging = Staging(scratch, folder, changes, journal.old, journal.new)
    stage(staging)
    return staging


def _refuse_what_cannot_follow(repository: Repository, changes: Sequence[TreeChange]) -> None:
    if any(_GITLINK in (change.old_mode, change.new_mode) for change in changes):
        words = "submodules differ and the branch is checked out: do this by hand"
        raise RefusedError("unsupported", words)
    worktree.refuse_operation_in_progress(repository)


def _refuse_other_worktree(repository: Repository, ref: str) -> None:
    other = refs.elsewhere_checked_out(repository, ref)
    if other is not None:
        raise RefusedError(
            "unsupported",
            f"{refs.short(ref)} is checked out in another working tree, {other}, which would be "
            "left behind: run there, or switch it to another branch",
        )
