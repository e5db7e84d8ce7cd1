"""What git says about a folder, without letting the folder say anything to git.

A repository's own configuration can name programs that git runs: fsmonitor, hooks, filters,
external diffs. So the state of the working tree is read through a git directory made for the
purpose, with a configuration of our own, which only borrows the repository's objects and index.
"""

import asyncio
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_TIMEOUT_SECONDS = 10.0
_MAX_OUTPUT_BYTES = 64 * 1024
# Trusts repositories of any owner: nothing of theirs is executed here.
_GIT_CONFIG = Path(__file__).with_name("git-global.config")


@dataclass(frozen=True, slots=True)
class GitFacts:
    """`clean` counts tracked files alone, and is None where it could not be found out in time."""

    is_repository: bool
    head_commit: str | None = None
    branch: str | None = None  # None: detached
    clean: bool | None = None
    is_bare: bool = False
    git_directory: Path | None = None  # shared by all worktrees, resolved
    problem: str | None = None  # why git said less than it could


class _GitFailedError(Exception):
    pass


def git_environment() -> dict[str, str]:
    """Return the whole environment git is given: no user's or system's configuration, no prompt."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": "/nonexistent",
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": str(_GIT_CONFIG),
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_PROTOCOL_FROM_USER": "0",
        "GIT_ALLOW_PROTOCOL": "",
        "GIT_PAGER": "cat",
    }


class GitUnclearError(Exception):
    """Git could not say where a folder's repository is kept; the message says why."""


def history_directory(path: Path) -> Path | None:
    """Return where the repository of this folder is kept, resolved; None: it is none, or bare.

    Cheap for an ordinary repository; asks git only for a worktree, a submodule or a link. Raises
    `GitUnclearError`.
    """
    own = path / ".git"
    if not os.path.lexists(own):
        return None
    if not own.is_symlink() and own.is_dir() and not os.path.lexists(own / "commondir"):
        return own
    environment = {**git_environment(), "GIT_CEILING_DIRECTORIES": str(path.parent)}
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    try:
        answer = _git(("rev-parse", "--git-common-dir"), path, environment, deadline)
    except _GitFailedError as error:
        raise GitUnclearError(str(error)) from None
    return Path(os.path.realpath(path / os.fsdecode(answer.removesuffix(b"\n"))))


async def git_facts(path: Path) -> GitFacts:
    """Read the facts of the folder itself, not of a repository around it. Never raises.

    Takes at most about ten seconds, in a thread.
    """
    return await asyncio.to_thread(read_git_facts, path)


def read_git_facts(path: Path, *, with_state: bool = True) -> GitFacts:
    """Do the same in this thread; without the working tree's state it takes milliseconds."""
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    environment = {**git_environment(), "GIT_CEILING_DIRECTORIES": str(path.parent)}

    def git(*arguments: str) -> str:
        return _git(arguments, path, environment, deadline).decode(errors="replace").strip("\n")

    try:
        answer = git(
            "rev-parse",
            "--is-bare-repository",
            "--show-object-format",
            "--git-common-dir",
            "--git-dir",
        )
        bare, object_format, common, own = answer.split("\n")
    except (_GitFailedError, ValueError) as error:
        there = os.path.lexists(path / ".git")
        return GitFacts(is_repository=False, problem=str(error) if there else None)
    is_bare = bare == "true"
    common_directory, own_directory = (
        Path(os.path.realpath(path / name)) for name in (common, own)
    )
    head = _or_none(lambda: git("rev-parse", "--verify", "--quiet", "HEAD^{commit}"))
    branch = _or_none(lambda: git("symbolic-ref", "--quiet", "--short", "HEAD"))
    clean, problem = None, None
    if with_state and not is_bare:
        try:
            borrowed = _Borrowed(
                index=own_directory / "index",
                objects=common_directory / "objects",
                object_format=object_format,
                head=head,
            )
            clean = _is_clean(path, borrowed, deadline)
        except (_GitFailedError, OSError) as error:
            problem = str(error)
    return GitFacts(
        is_repository=True,
        head_commit=head,
        branch=branch,
        clean=clean,
        is_bare=is_bare,
        git_directory=common_directory,
        problem=problem,
    )


@dataclass(frozen=True, slots=True)
class _Borrowed:
    """What the substitute git directory takes from the real one."""

    index: Path
    objects: Path
    object_format: str
    head: str | None


def _is_clean(path: Path, borrowed: _Borrowed, deadline: float) -> bool:
    with tempfile.TemporaryDirectory(prefix="commandcenter-git-") as name:
        substitute = Path(name)
        (substitute / "objects").mkdir()
        (substitute / "refs").mkdir()
        (substitute / "HEAD").write_text(
            f"{borrowed.head}\n" if borrowed.head else "ref: refs/heads/unborn\n"
        )
        (substitute / "config").write_text(
            "[core]\nrepositoryformatversion = 1\nbare = false\nfilemode = true\n"
            "fsmonitor = false\nhooksPath = /dev/null\n"
            f"[extensions]\nobjectFormat = {borrowed.object_format}\n"
        )
        environment = {
            **git_environment(),
            "GIT_DIR": str(substitute),
            "GIT_WORK_TREE": str(path),
            "GIT_INDEX_FILE": str(borrowed.index),
            "GIT_OBJECT_DIRECTORY": str(borrowed.objects),
        }
        changed = _git(
            ("status", "--porcelain", "-z", "--untracked-files=no", "--ignore-submodules=all"),
            path,
            environment,
            deadline,
        )
    return not changed


def _or_none(read: Callable[[], str]) -> str | None:
    try:
        return read()
    except _GitFailedError:
        return None


def _git(
    arguments: tuple[str, ...], path: Path, environment: dict[str, str], deadline: float
) -> bytes:
    left = deadline - time.monotonic()
    command = (
        "git",
        "-c",
        "core.fsmonitor=false",
        "-c",
        "core.hooksPath=/dev/null",
        "--no-pager",
        *arguments,
    )
    try:
        with (
            tempfile.TemporaryFile() as output,
            subprocess.Popen(
                command,
                cwd=path,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.PIPE,
                start_new_session=True,
            ) as process,
        ):
            try:
                _, said = process.communicate(timeout=max(left, 0.01))
            except subprocess.TimeoutExpired:
                process.kill()
                raise _GitFailedError(f"git took longer than {_TIMEOUT_SECONDS:g} s") from None
            if process.returncode != 0:
                words = said.decode(errors="replace").strip()[:500]
                raise _GitFailedError(words or f"git {arguments[0]} failed")
            output.seek(0)
            return output.read(_MAX_OUTPUT_BYTES)
    except FileNotFoundError:
        raise _GitFailedError("git is not installed") from None
    except OSError as error:
        raise _GitFailedError(f"git cannot be run in {path}: {error.strerror}") from None
