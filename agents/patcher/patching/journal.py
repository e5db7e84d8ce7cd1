"""One patcher at a time, and what a killed one leaves behind.

Order of a run: journal, lock of the index, files staged under .git, objects, backup ref,
compare-and-swap of the branch, files, index, and everything taken down again. The branch's move
decides: before it nothing has happened, after it the next run finishes the rest.
"""

import fcntl
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from commandcenter_agent import TemporaryFailure

from patching.outcome import RefusedError
from patching.repository import Repository, sync_folder

_WAIT_SECONDS = 60.0
_POLL_SECONDS = 0.05
_STALE_LOCK_SECONDS = 2.0
_MAX_JOURNAL_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Journal:
    token: str
    digest: str  # of the patch, or of what is restored
    ref: str
    old: str
    new: str
    backup: str | None
    has_worktree: bool

    @property
    def mark(self) -> bytes:
        """The content of an index.lock of ours."""
        return f"commandcenter patcher {self.token}\n".encode()


def new_token() -> str:
    return secrets.token_hex(8)


def _home(repository: Repository) -> Path:
    """Return our folder in the repository. Somebody's link in its place is refused."""
    home = repository.common / "commandcenter"
    home.mkdir(exist_ok=True, mode=0o700)
    if home.is_symlink() or not home.is_dir():
        raise RefusedError("unsupported", f"{home} is not a folder")
    return home


def work_folder(repository: Repository, journal: Journal) -> Path:
    return _home(repository) / f"work-{journal.token}"


def make_work_folder(folder: Path) -> None:
    """Make it empty: what a killed run staged is staged again."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)


@contextmanager
def exclusive(repository: Repository) -> Iterator[None]:
    """Hold the repository's patcher lock; the kernel lets go of it if the process dies.

    Raises `TemporaryFailure` after 60 seconds of waiting.
    """
    path = _home(repository) / "patcher.lock"
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + _WAIT_SECONDS
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    words = "another patcher has been at work in this repository for a minute"
                    raise TemporaryFailure(words) from None
                time.sleep(_POLL_SECONDS)
        yield
    finally:
        os.close(handle)


def write_journal(repository: Repository, journal: Journal) -> None:
    home = _home(repository)
    partial = home / "journal.partial"
    with partial.open("w", encoding="utf-8") as file:
        json.dump(asdict(journal), file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(home / "journal.json")
    sync_folder(home)


def read_journal(repository: Repository) -> Journal | None:
    """Return what a killed run left. A journal that cannot be understood is put aside."""
    path = _home(repository) / "journal.json"
    try:
        journal = _parse(path)
    except FileNotFoundError:
        return None
    if journal is None:
        path.replace(path.with_suffix(".unreadable"))
    return journal


def peek_journal(repository: Repository) -> Journal | None:
    """Return what `read_journal` would, and write nothing."""
    try:
        return _parse(repository.common / "commandcenter" / "journal.json")
    except (FileNotFoundError, NotADirectoryError):
        return None


def _parse(path: Path) -> Journal | None:
    """Return the journal, or None if it cannot be understood. Raises `FileNotFoundError`."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as file:
        content = file.read(_MAX_JOURNAL_BYTES)
    try:
        journal = Journal(**json.loads(content))
        return journal if _is_plain(journal) else None
    except (ValueError, TypeError, AttributeError):
        return None


def _is_plain(journal: Journal) -> bool:
    """Whether the journal names nothing but what we would have named ourselves."""
    return (
        journal.token.isalnum()
        and journal.ref.startswith("refs/heads/")
        and (journal.backup is None or journal.backup.startswith("refs/commandcenter/backups/"))
        and journal.old.isalnum()
        and journal.new.isalnum()
    )


def lock_index(repository: Repository, journal: Journal) -> None:
    """Take index.lock, as every git command that changes the index does.

    Raises `TemporaryFailure` if somebody else holds it.
    """
    target = _index_lock(repository)
    source = work_folder(repository, journal) / "mark"
    source.write_bytes(journal.mark)
    deadline = time.monotonic() + _STALE_LOCK_SECONDS
    while True:
        try:
            _link(source, target, journal)
        except FileExistsError:
            if _is_ours(target, journal):
                return
            if time.monotonic() > deadline:
                raise _locked(target) from None
            time.sleep(_POLL_SECONDS)
        else:
            return


def await_index(repository: Repository) -> None:
    """Wait until nobody holds index.lock. Raises `TemporaryFailure` if somebody goes on to."""
    target = _index_lock(repository)
    deadline = time.monotonic() + _STALE_LOCK_SECONDS
    while target.exists():
        if time.monotonic() > deadline:
            raise _locked(target)
        time.sleep(_POLL_SECONDS)


def _locked(target: Path) -> TemporaryFailure:
    return TemporaryFailure(
        f"{target} exists: another git process is at work here, or one has crashed; "
        "if none is running, remove that file"
    )


def _link(source: Path, target: Path, journal: Journal) -> None:
    """Make the lock appear with its content, where the file system can."""
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:  # no hard links here
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(journal.mark)


def _index_lock(repository: Repository) -> Path:
    return repository.git_directory / "index.lock"


def _is_ours(path: Path, journal: Journal) -> bool:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    with os.fdopen(handle, "rb") as file:
        return file.read(256) == journal.mark


def drop_stale_ref_locks(repository: Repository, journal: Journal) -> None:
    """Remove lock files that a git of ours left when it was killed while moving a ref.

    Only files younger than the journal that stay for two seconds: a living git holds such a lock
    for milliseconds.
    """
    begun = (_home(repository) / "journal.json").stat().st_mtime_ns
    names = [f"{journal.ref}.lock", "HEAD.lock"]
    if journal.backup is not None:
        names.append(f"{journal.backup}.lock")
    for path in {folder / name for name in names for folder in _ref_folders(repository)}:
        deadline = time.monotonic() + _STALE_LOCK_SECONDS
        while path.exists() and path.stat().st_mtime_ns >= begun:
            if time.monotonic() > deadline:
                path.unlink(missing_ok=True)
                break
            time.sleep(_POLL_SECONDS)


def _ref_folders(repository: Repository) -> set[Path]:
    return {repository.common, repository.git_directory}


def clear(repository: Repository, journal: Journal) -> None:
    """Take everything of a run down again, the journal last."""
    lock = _index_lock(repository)
    if _is_ours(lock, journal):
        lock.unlink(missing_ok=True)
    shutil.rmtree(work_folder(repository, journal), ignore_errors=True)
    (_home(repository) / "journal.json").unlink(missing_ok=True)
