"""Finding a repository's files, links not followed, everything bounded."""

import os
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from commandcenter_analysis.classify import (
    CACHE_DIRECTORIES,
    is_binary,
    is_vendored_directory,
    should_be_text,
)
from commandcenter_analysis.limits import DEFAULT_LIMITS, Limits
from commandcenter_analysis.reading import NotReadError, open_directory, open_root, read_head
from commandcenter_analysis.skips import Skip, SkipLog, SkipReason

_VERSION_CONTROL = frozenset({".git", ".hg", ".svn", ".jj"})


@dataclass(frozen=True, slots=True)
class SourceFile:
    path: str
    size: int
    vendored: bool = False


@dataclass(slots=True)
class Tree:
    """The files of a repository in path order, and what was left out of them."""

    root: Path
    files: list[SourceFile] = field(default_factory=list)
    skips: SkipLog = field(default_factory=lambda: SkipLog(DEFAULT_LIMITS.skipped))


def _nothing(_name: str) -> bool:
    return False


def walk(
    root: Path,
    limits: Limits = DEFAULT_LIMITS,
    *,
    wanted_when_vendored: Callable[[str], bool] = _nothing,
) -> Tree:
    """List the regular files below `root`; `.gitignore` does not hide any.

    `wanted_when_vendored` says by name which files of vendored directories are listed all the
    same (licence texts and manifests); the rest of such a directory is one entry in the skips.
    """
    return _Walk(root, limits, wanted_when_vendored).run()


class _Walk:
    def __init__(self, root: Path, limits: Limits, wanted: Callable[[str], bool]) -> None:
        self._limits = limits
        self._wanted = wanted
        self._tree = Tree(root, skips=SkipLog(limits.skipped))
        self._entries = 0
        self._bytes = 0
        self._deadline = time.monotonic() + limits.seconds / 2
        self._pending: list[tuple[str, bool]] = [("", False)]

    def run(self) -> Tree:
        root = open_root(self._tree.root)
        try:
            while self._pending and not self._full():
                directory, vendored = self._pending.pop()
                self._list(root, directory, vendored=vendored)
        finally:
            os.close(root)
        self._tree.files.sort(key=lambda file: file.path)
        return self._tree

    def _full(self) -> bool:
        limits = self._limits
        if self._entries >= limits.entries:
            reason = f"more than {limits.entries} directory entries"
        elif len(self._tree.files) >= limits.files:
            reason = f"more than {limits.files} files"
        elif self._bytes >= limits.total_bytes:
            reason = f"more than {limits.total_bytes} bytes"
        elif time.monotonic() > self._deadline:
            reason = "listing the files took too long"
        else:
            return False
        self._skip(".", SkipReason.LIMIT, reason)
        return True

    def _skip(self, path: str, reason: SkipReason, detail: str = "") -> None:
        self._tree.skips.add(Skip(path, reason, detail))

    def _list(self, root: int, directory: str, *, vendored: bool) -> None:
        try:
            descriptor = open_directory(root, directory)
        except (OSError, NotReadError) as error:
            self._skip(directory or ".", SkipReason.UNREADABLE, type(error).__name__)
            return
        try:
            with os.scandir(descriptor) as entries:
                for entry in entries:
                    self._entries += 1
                    if self._entries >= self._limits.entries or (
                        len(self._tree.files) >= self._limits.files
                    ):
                        # `run` asks once more and records why the walk ended.
                        self._pending.append((directory, vendored))
                        return
                    path = f"{directory}/{entry.name}" if directory else entry.name
                    self._take(descriptor, entry, path, vendored=vendored)
        except OSError as error:
            self._skip(directory or ".", SkipReason.UNREADABLE, type(error).__name__)
        finally:
            os.close(descriptor)

    def _take(self, parent: int, entry: "os.DirEntry[str]", path: str, *, vendored: bool) -> None:
        try:
            path.encode()
        except UnicodeEncodeError:
            self._skip(
                path.encode(errors="replace").decode(), SkipReason.UNREADABLE, "name is not UTF-8"
            )
            return
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError as error:
            self._skip(path, SkipReason.UNREADABLE, type(error).__name__)
            return
        if stat.S_ISDIR(status.st_mode):
            self._enter(path, entry.name, vendored=vendored)
        elif stat.S_ISLNK(status.st_mode):
            self._skip(path, SkipReason.SYMLINK)
        elif not stat.S_ISREG(status.st_mode):
            self._skip(path, SkipReason.NOT_A_FILE)
        elif entry.name == ".git" or (vendored and not self._wanted(entry.name)):
            return
        elif status.st_size > self._limits.file_bytes:
            self._too_large(parent, entry.name, path, status.st_size)
        else:
            self._bytes += status.st_size
            self._tree.files.append(SourceFile(path, status.st_size, vendored))

    def _too_large(self, parent: int, name: str, path: str, size: int) -> None:
        """A large picture or archive would not have been looked at anyway; a large text would."""
        try:
            binary = not should_be_text(path) and is_binary(read_head(parent, name, 8_192))
        except OSError:
            binary = False
        self._skip(path, SkipReason.BINARY if binary else SkipReason.TOO_LARGE, f"{size} bytes")

    def _enter(self, path: str, name: str, *, vendored: bool) -> None:
        if name in _VERSION_CONTROL or name in CACHE_DIRECTORIES:
            return
        if path.count("/") >= self._limits.depth:
            self._skip(path, SkipReason.LIMIT, f"deeper than {self._limits.depth} directories")
            return
        if not vendored and is_vendored_directory(name):
            self._skip(path, SkipReason.VENDORED)
            vendored = True
            if self._wanted is _nothing:
                return
        self._pending.append((path, vendored))
