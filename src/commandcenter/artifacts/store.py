"""Files under the SHA-256 of their content: written once, never changed, kept while referred to.

Every function is blocking file work: call it off the event loop.
"""

import hashlib
import os
import stat
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from commandcenter.artifacts.errors import ArtifactsRefusedError

_CHUNK_BYTES = 1024**2
_MAX_NAME = 512
_TEMPORARY = ".incoming"
_TRASH_SUFFIX = ".trash"
# Content may be stored before the row that refers to it is committed; this long it is left alone.
GRACE_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class ArtifactLimits:
    """Per attempt."""

    files: int = 1000
    file_bytes: int = 512 * 1024**2
    total_bytes: int = 1024**3


@dataclass(frozen=True, slots=True)
class StoredFile:
    name: str  # relative to the directory taken over, with slashes
    sha256: str
    size_bytes: int


class ArtifactStore:
    def __init__(self, root: Path, limits: ArtifactLimits = ArtifactLimits()) -> None:
        self._root = root
        self._limits = limits

    def path(self, sha256: str) -> Path:
        return self._root / sha256[:2] / sha256

    def take(self, directory: Path) -> list[StoredFile]:
        """Store every file below `directory` durably, equal contents once; idempotent.

        The directory is left as it is. Raises `ArtifactsRefusedError`.
        """
        files: list[StoredFile] = []
        total = 0
        for path in _files(directory):
            if len(files) == self._limits.files:
                raise ArtifactsRefusedError(
                    f"more than {self._limits.files} files were left under /out/artifacts",
                    hint="Pack them into one archive.",
                )
            name = _name(path.relative_to(directory))
            stored = self._take_file(path, name, self._limits.total_bytes - total)
            total += stored.size_bytes
            files.append(stored)
        return files

    def _take_file(self, path: Path, name: str, left: int) -> StoredFile:
        limit = min(self._limits.file_bytes, left)
        incoming = self._root / _TEMPORARY
        incoming.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=incoming)
        try:
            size, content = 0, hashlib.sha256()
            with os.fdopen(descriptor, "wb") as writing, _open_regular(path, name) as reading:
                while chunk := reading.read(_CHUNK_BYTES):
                    size += len(chunk)
                    if size > limit:
                        raise ArtifactsRefusedError(
                            f"{name} takes the artifacts over the limit of "
                            f"{self._limits.file_bytes:,} bytes for one and "
                            f"{self._limits.total_bytes:,} bytes for all"
                        )
                    content.update(chunk)
                    writing.write(chunk)
                writing.flush()
                os.fsync(writing.fileno())
            self._put(Path(temporary), content.hexdigest(), size)
        finally:
            Path(temporary).unlink(missing_ok=True)
        return StoredFile(name, content.hexdigest(), size)

    def _put(self, temporary: Path, sha256: str, size: int) -> None:
        target = self.path(sha256)
        with suppress(FileNotFoundError):
            os.utime(target)  # tells the collector that somebody relies on it again
            if target.stat().st_size == size:
                return
        if not target.parent.exists():
            target.parent.mkdir(exist_ok=True)
            _sync_directory(self._root)
        temporary.chmod(0o400)
        temporary.rename(target)
        _sync_directory(target.parent)

    def collect(self, referenced: Callable[[Collection[str]], Collection[str]]) -> int:
        """Remove what nothing refers to and return how many bytes that freed.

        `referenced` says which of some digests are still in use. Safe beside `take`: content that
        is taken again meanwhile stays.
        """
        freed = 0
        for leftover in (self._root / _TEMPORARY).glob("*"):
            freed += _remove_old(leftover)
        for folder in sorted(self._root.glob("??")):
            old = {path.name: path for path in folder.iterdir() if _is_old(path)}
            digests = {name.removesuffix(_TRASH_SUFFIX) for name in old}
            in_use = set(referenced(digests))
            for name, path in old.items():
                if name.endswith(_TRASH_SUFFIX) or name not in in_use:
                    freed += _discard(path)
        return freed


def _files(directory: Path) -> Iterator[Path]:
    for found, folders, files in os.walk(directory):
        folders.sort()
        for name in sorted(files):
            yield Path(found) / name


def _name(relative: Path) -> str:
    raw = os.fsencode(relative.as_posix())
    name = raw.decode(errors="backslashreplace")
    if len(name) > _MAX_NAME:
        raise ArtifactsRefusedError(
            f"the name of an artifact is longer than {_MAX_NAME} characters: {name[:100]}..."
        )
    return name


def _open_regular(path: Path, name: str) -> BinaryIO:
    try:
        file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")
    except OSError as error:
        raise ArtifactsRefusedError(f"{name} cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise ArtifactsRefusedError(f"{name} is not a regular file")
    return file


def _is_old(path: Path) -> bool:
    with suppress(FileNotFoundError):
        return time.time() - path.stat(follow_symlinks=False).st_mtime > GRACE_SECONDS
    return False


def _remove_old(path: Path) -> int:
    if not _is_old(path):
        return 0
    size = path.stat().st_size
    path.unlink(missing_ok=True)
    return size


def _discard(path: Path) -> int:
    """Move aside, look again, and only then delete: a `take` in between has touched the file."""
    trash = path if path.name.endswith(_TRASH_SUFFIX) else path.with_name(path.name + _TRASH_SUFFIX)
    with suppress(FileNotFoundError):
        if trash != path:
            path.rename(trash)
        if not _is_old(trash):
            trash.rename(path.with_name(path.name.removesuffix(_TRASH_SUFFIX)))
            return 0
        size = trash.stat().st_size
        trash.unlink()
        return size
    return 0


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
