"""Read and move branches: every move is a compare-and-swap."""

import time
from datetime import UTC, datetime
from pathlib import Path

from commandcenter_agent import TemporaryFailure

from patching.git import GitError
from patching.outcome import RefusedError
from patching.repository import Repository

BACKUPS = "refs/commandcenter/backups/"
_HEADS = "refs/heads/"
_LOCK_WAIT_SECONDS = 10.0
_POLL_SECONDS = 0.05


def current_branch(repository: Repository) -> str | None:
    """Return the full name of the branch that is checked out; None for a detached HEAD."""
    done = repository.git.attempt("symbolic-ref", "-q", "HEAD")
    name = done.stdout.decode(errors="surrogateescape").strip()
    return name if done.returncode == 0 and name.startswith(_HEADS) else None


def resolve_branch(repository: Repository, wanted: str | None) -> str:
    """Return the full ref of the branch to change. Raises `RefusedError`."""
    if wanted is None:
        branch = current_branch(repository)
        if branch is None:
            words = "no branch is checked out: say which one with targetBranch"
            raise RefusedError("unknown_branch", words)
        return branch
    ref = wanted if wanted.startswith(_HEADS) else _HEADS + wanted
    if repository.git.attempt("check-ref-format", ref).returncode != 0:
        raise RefusedError("unknown_branch", f"{wanted!r} is not a branch's name")
    if repository.git.attempt("symbolic-ref", "-q", ref).returncode == 0:
        raise RefusedError("unsupported", f"{ref} is only another name for a branch: name that one")
    return ref


def short(ref: str) -> str:
    return ref.removeprefix(_HEADS)


def commit_at(repository: Repository, name: str) -> str | None:
    """Return the commit that a ref or id stands for, or None."""
    done = repository.git.attempt(
        "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"
    )
    return done.stdout.decode().strip() if done.returncode == 0 else None


def tip_of(repository: Repository, ref: str) -> str:
    """Return the branch's commit. Raises `RefusedError` if there is no such branch or commit."""
    tip = commit_at(repository, ref)
    if tip is not None:
        return tip
    if ref == current_branch(repository):
        raise RefusedError("no_commits", f"the branch {short(ref)} has no commit yet: make one")
    raise RefusedError("unknown_branch", f"there is no branch {short(ref)} in this repository")


def elsewhere_checked_out(repository: Repository, ref: str) -> Path | None:
    """Return another working tree of the repository that has the branch checked out."""
    listing = repository.git.run("worktree", "list", "--porcelain", "-z").split(b"\0\0")
    for number, entry in enumerate(listing):
        fields = dict(line.partition(b" ")[::2] for line in entry.split(b"\0") if line)
        if fields.get(b"branch", b"").decode(errors="surrogateescape") != ref:
            continue
        path = Path(fields[b"worktree"].decode(errors="surrogateescape"))
        is_main = repository.git_directory == repository.common
        ours = number == 0 if is_main else path == repository.worktree
        if ours or b"bare" in fields:
            continue
        return path
    return None


def new_backup_name(repository: Repository, ref: str, now: datetime | None = None) -> str:
    """Return a backup ref's name that is not taken: the time in UTC and the branch."""
    stamp = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
    name = f"{BACKUPS}{stamp}-{short(ref)}"
    number = 1
    while commit_at(repository, name) is not None:
        number += 1
        name = f"{BACKUPS}{stamp}.{number}-{short(ref)}"
    return name


def backup_of(repository: Repository, commit: str) -> str | None:
    """Return a backup ref that keeps `commit`, if there is one."""
    arguments = ("--format=%(refname)", "--points-at", commit, BACKUPS)
    names = repository.git.text("for-each-ref", *arguments).splitlines()
    return names[-1] if names else None


def backup_commit(repository: Repository, name: str) -> str | None:
    """Return the commit a backup keeps; None if `name` is not exactly a backup's ref."""
    if not name.startswith(BACKUPS):
        return None
    if repository.git.attempt("show-ref", "--verify", "--quiet", name).returncode != 0:
        return None
    return commit_at(repository, name)


def create_ref(repository: Repository, ref: str, commit: str) -> None:
    """Create a ref that must not exist. Raises `RefusedError` if it does."""
    _move(repository, ref, commit, "0" * len(commit), "commandcenter: backup")


def delete_ref(repository: Repository, ref: str, commit: str) -> None:
    """Remove a ref if it still is at `commit`."""
    repository.git.attempt("update-ref", "--no-deref", "-d", ref, commit)


def move_branch(repository: Repository, ref: str, new: str, old: str) -> None:
    """Compare and swap. Raises `RefusedError` with `stale_base` if the branch is not at `old`."""
    _move(repository, ref, new, old, "commandcenter: patch")


def _move(repository: Repository, ref: str, new: str, old: str, words: str) -> None:
    deadline = time.monotonic() + _LOCK_WAIT_SECONDS
    while True:
        try:
            repository.git.run("update-ref", "--no-deref", "-m", words, ref, new, old)
        except GitError as error:
            found = commit_at(repository, ref)
            if found == new:
                return
            if found is not None and found != old:
                raise stale(ref, found, old) from None
            if ".lock" not in error.stderr or time.monotonic() > deadline:
                raise TemporaryFailure(f"{ref} could not be moved: {error}") from None
            time.sleep(_POLL_SECONDS)
        else:
            return


def stale(ref: str, found: str, expected: str) -> RefusedError:
    return RefusedError(
        "stale_base",
        f"the branch {short(ref)} is at {found[:12]}, not at {expected[:12]} any more: look at the "
        "patch again on the new commit",
    )
