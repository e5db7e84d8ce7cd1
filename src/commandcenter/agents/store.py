"""The hub's own, immutable copies of agents, by digest. A registered folder may change or vanish.

Every function here is blocking file work: call it off the event loop.
"""

import os
import shutil
import stat
import tempfile
import time
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from commandcenter.agents.errors import AgentFolderChangedError, AgentTamperedError
from commandcenter.agents.manifest import AgentManifest, digest, load_manifest
from commandcenter.agents.manifest_file import ManifestError

_TEMPORARY_PREFIX = ".new-"
_STALE_SECONDS = 3600.0
_REMEMBERED = 512
_SYNCING_THREADS = 8

_Signature = tuple[tuple[str, int, int, int, int, int], ...]


class AgentStore:
    """Copies live in `<root>/<name>/<digest>/`, with read-only modes."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._verified: OrderedDict[str, _Signature] = OrderedDict()

    def directory(self, name: str, content_digest: str) -> Path:
        return self._root / name / content_digest

    def take(self, folder: Path) -> tuple[AgentManifest, str]:
        """Copy an agent's folder into the store and return its manifest and digest; idempotent.

        What counts is the copy: it is digested and its manifest read after copying, so a folder
        that changes meanwhile cannot slip anything past. Raises `ManifestError` and
        `AgentFolderChangedError`.
        """
        manifest = load_manifest(folder)
        parent = self._root / manifest.name
        parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=_TEMPORARY_PREFIX, dir=parent))
        try:
            expected = digest(folder)
            _copy(folder, temporary)
            content_digest = digest(temporary)
            if content_digest != expected:
                raise AgentFolderChangedError(
                    f"{folder} changed while it was being registered; nothing was stored",
                    hint="Register it again once nothing writes to it.",
                )
            copied = load_manifest(temporary)
            target = parent / content_digest
            if not self._is_intact(target, content_digest):
                _protect(temporary)
                _replace(temporary, target)
            return copied, content_digest
        finally:
            _remove(temporary)

    def holds(self, name: str, content_digest: str) -> bool:
        """Whether a sound copy is there."""
        return self._is_intact(self.directory(name, content_digest), content_digest)

    def verified(self, name: str, content_digest: str) -> Path:
        """Return the stored copy once it is known to be what was registered.

        Contents are hashed the first time; later only what `stat` says is compared, as long as
        that has not changed. Raises `AgentTamperedError`.
        """
        directory = self.directory(name, content_digest)
        if not self.holds(name, content_digest):
            raise AgentTamperedError(
                f"the stored copy of agent {name!r}, {directory}, is missing or not what was "
                "registered, so it was not run",
                hint="Find out who changed it, then register the agent's folder again: that puts "
                "a sound copy in its place.",
            )
        return directory

    def sweep(self) -> None:
        """Remove what an interrupted registration left behind more than an hour ago."""
        for leftover in self._root.glob(f"*/{_TEMPORARY_PREFIX}*"):
            with suppress(OSError):
                if time.time() - leftover.stat().st_mtime > _STALE_SECONDS:
                    _remove(leftover)

    def _is_intact(self, directory: Path, content_digest: str) -> bool:
        try:
            before = _signature(directory)
            if before and self._verified.get(content_digest) == before:
                self._verified.move_to_end(content_digest)
                return True
            # The digest leaves out caches and tests, which no copy of ours contains.
            if not before or _has_extras(directory) or digest(directory) != content_digest:
                return False
        except (OSError, ManifestError):
            return False
        self._verified[content_digest] = before
        while len(self._verified) > _REMEMBERED:
            self._verified.popitem(last=False)
        return True


def _copy(folder: Path, target: Path) -> None:
    """Copy durably: the contents are on the disk when this returns."""
    copies: list[Path] = []
    for directory, folders, files in os.walk(folder):
        here = Path(directory)
        folders[:] = [
            name
            for name in folders
            if name != "__pycache__" and not (here == folder and name == "tests")
        ]
        there = target / here.relative_to(folder)
        there.mkdir(exist_ok=True)
        for name in files:
            source = os.open(here / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            with os.fdopen(source, "rb") as reading, (there / name).open("xb") as writing:
                shutil.copyfileobj(reading, writing)
                executable = os.fstat(source).st_mode & stat.S_IXUSR
                os.fchmod(writing.fileno(), 0o555 if executable else 0o444)
            copies.append(there / name)
    # All at once: the file system then writes its journal a few times rather than once a file.
    with ThreadPoolExecutor(_SYNCING_THREADS) as threads:
        list(threads.map(_sync, copies))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _protect(directory: Path) -> None:
    for found, _, _ in os.walk(directory, topdown=False):
        Path(found).chmod(0o555)


def _replace(temporary: Path, target: Path) -> None:
    """Put the copy in place; a damaged one there is moved aside and removed."""
    with suppress(OSError):
        temporary.rename(target)
        return
    aside = Path(tempfile.mkdtemp(prefix=_TEMPORARY_PREFIX, dir=target.parent))
    try:
        target.rename(aside)  # within one parent, which needs no right to write in it
        temporary.rename(target)
    finally:
        _remove(aside)


def _remove(directory: Path) -> None:
    for found, _, _ in os.walk(directory):
        with suppress(OSError):
            Path(found).chmod(0o700)
    shutil.rmtree(directory, ignore_errors=True)


def _entries(directory: Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(directory) as entries:
        for entry in entries:
            yield entry
            if entry.is_dir(follow_symlinks=False):
                yield from _entries(Path(entry.path))


def _signature(directory: Path) -> _Signature:
    return tuple(
        sorted(
            (
                entry.path,
                found.st_ino,
                found.st_mode,
                found.st_size,
                found.st_mtime_ns,
                found.st_ctime_ns,
            )
            for entry in _entries(directory)
            for found in (entry.stat(follow_symlinks=False),)
        )
    )


def _has_extras(directory: Path) -> bool:
    return (directory / "tests").exists() or any(
        entry.name == "__pycache__" for entry in _entries(directory)
    )
