"""A copy of a directory tree, made ahead while files still change and completed when none does.

Owners, modes, times, links, holes and extended attributes are kept; sockets and devices are left
out. No link is ever followed: what is copied may belong to somebody who would like that.

A file that was copied ahead is not copied again if its inode, size and times are what they were
before. Two things would deceive that, and are seen to: stores into a mapping set the time only at
the first one since the page was last written out, so everything is written out before files are
copied ahead; and a write may be under way, or in the same tick of the clock, so a file that changed
since then, or a moment before, is not copied ahead at all. This is for file systems that keep to
this, such as ext4, xfs and btrfs.
"""

import errno
import os
import stat
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from commandcenter.kit.file_data import copy_data
from commandcenter.kit.sync import sync_filesystem

_MOST_REMEMBERED = 200_000
_DEEPEST = 200
_FRESH_NS = 5_000_000_000
_NOT_KEPT_HERE = frozenset({errno.EPERM, errno.ENOTSUP, errno.EACCES, errno.ENODATA})
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

_Mark = tuple[int, int, int, int]


class CopyCancelledError(Exception):
    """It was asked to end before it was done."""


@dataclass(slots=True)
class TreeCopy:
    """The copy of one directory at `target`, which only this object changes."""

    source: Path
    target: Path
    _seen: dict[str, _Mark] = field(default_factory=dict)  # files as they were copied, by path
    _links: dict[tuple[int, int], str] = field(default_factory=dict)
    _ahead: bool = False
    _settled_ns: int = 0  # what changed before will tell when it changes again
    _bytes: int = 0
    _root: int = -1
    _is_cancelled: Callable[[], bool] = lambda: False
    _progress: Callable[[int], None] = lambda _: None

    def update(
        self, *, ahead: bool, is_cancelled: Callable[[], bool], progress: Callable[[int], None]
    ) -> int:
        """Make the target like the source; the bytes it holds.

        `ahead`: others write meanwhile, so that it is not yet the copy of any moment. `progress` is
        told bytes as they are done. Raises OSError and `CopyCancelledError`; it can be called again
        after either.
        """
        self._ahead, self._bytes = ahead, 0
        self._is_cancelled, self._progress = is_cancelled, progress
        self._links.clear()
        self.target.mkdir(mode=0o700, exist_ok=True)
        source = os.open(self.source, _DIRECTORY)
        try:
            if ahead:
                self._settled_ns = time.time_ns() - _FRESH_NS
                sync_filesystem(source)
            self._root = os.open(self.target, _DIRECTORY)
            try:
                self._directory(source, self._root, "", 0)
            finally:
                os.close(self._root)
        finally:
            os.close(source)
        return self._bytes

    def _directory(self, source: int, target: int, path: str, depth: int) -> None:
        _refuse_deep(depth)
        names = os.listdir(source)
        for name in set(os.listdir(target)).difference(names):
            remove_at(target, name)
        for name in names:
            if self._is_cancelled():
                raise CopyCancelledError
            try:
                self._entry(source, target, name, f"{path}{name}", depth)
            except FileNotFoundError:
                if not self._ahead:
                    raise
        _keep(source, target, os.fstat(source))

    def _entry(self, source: int, target: int, name: str, path: str, depth: int) -> None:
        found = os.stat(name, dir_fd=source, follow_symlinks=False)
        kind, times = stat.S_IFMT(found.st_mode), (found.st_atime_ns, found.st_mtime_ns)
        present = _lstat(target, name)
        if present is not None and stat.S_IFMT(present.st_mode) != kind:
            remove_at(target, name)
            present = None
        if kind == stat.S_IFDIR:
            self._folder(source, target, name, path, depth)
        elif kind == stat.S_IFREG:
            self._file(source, target, name, path, is_present=present is not None)
        elif kind == stat.S_IFLNK:
            if present is not None:
                os.unlink(name, dir_fd=target)
            os.symlink(os.readlink(name, dir_fd=source), name, dir_fd=target)
            os.chown(name, found.st_uid, found.st_gid, dir_fd=target, follow_symlinks=False)
            os.utime(name, ns=times, dir_fd=target, follow_symlinks=False)
        elif kind == stat.S_IFIFO:
            if present is None:
                os.mkfifo(name, 0o600, dir_fd=target)
            os.chown(name, found.st_uid, found.st_gid, dir_fd=target, follow_symlinks=False)
            os.chmod(name, stat.S_IMODE(found.st_mode), dir_fd=target)
            os.utime(name, ns=times, dir_fd=target, follow_symlinks=False)
        elif present is not None:  # a socket or device, which are not copied
            remove_at(target, name)

    def _folder(self, source: int, target: int, name: str, path: str, depth: int) -> None:
        inner = os.open(name, _DIRECTORY, dir_fd=source)
        try:
            with suppress(FileExistsError):
                os.mkdir(name, 0o700, dir_fd=target)
            made = os.open(name, _DIRECTORY, dir_fd=target)
            try:
                self._directory(inner, made, f"{path}/", depth + 1)
            finally:
                os.close(made)
        finally:
            os.close(inner)

    def _file(self, source: int, target: int, name: str, path: str, *, is_present: bool) -> None:
        opened = os.open(name, _READ, dir_fd=source)
        try:
            found = os.fstat(opened)
            if self._ahead and found.st_ctime_ns > self._settled_ns:
                return
            if not stat.S_ISREG(found.st_mode):
                raise FileNotFoundError(errno.ENOENT, "it was replaced", path)
            identity = found.st_dev, found.st_ino
            if found.st_nlink > 1 and identity in self._links:
                if is_present:
                    os.unlink(name, dir_fd=target)
                os.link(self._links[identity], name, src_dir_fd=self._root, dst_dir_fd=target)
                return
            if found.st_nlink > 1:
                self._links[identity] = path
            size = held_bytes(found)
            self._bytes += size
            mark = found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
            if is_present and self._seen.get(path) == mark:
                self._progress(size)
                return
            self._seen.pop(path, None)
            if is_present:
                os.unlink(name, dir_fd=target)
            made = os.open(name, _CREATE, 0o600, dir_fd=target)
            try:
                self._content(opened, made)
                _keep(opened, made, found)
            finally:
                os.close(made)
            if self._ahead and len(self._seen) < _MOST_REMEMBERED:
                self._seen[path] = mark
        finally:
            os.close(opened)

    def _content(self, source: int, target: int) -> None:
        def done(count: int) -> None:
            self._progress(count)
            if self._is_cancelled():
                raise CopyCancelledError

        copy_data(source, target, done)


def held_bytes(found: os.stat_result) -> int:
    """Return what a file's content takes: holes take nothing."""
    return min(found.st_size, found.st_blocks * 512)


def tree_bytes(path: Path) -> int:
    """Return the bytes that the files of a tree hold; 0 if it is not there. Follows no link."""
    try:
        directory = os.open(path, _DIRECTORY)
    except FileNotFoundError:
        return 0
    try:
        return _held_below(directory, 0, set())
    finally:
        os.close(directory)


def _held_below(directory: int, depth: int, linked: set[tuple[int, int]]) -> int:
    """`linked` are files with several names, to be counted once."""
    _refuse_deep(depth)
    total = 0
    for name in os.listdir(directory):
        with suppress(FileNotFoundError, NotADirectoryError):
            found = os.stat(name, dir_fd=directory, follow_symlinks=False)
            identity = found.st_dev, found.st_ino
            if stat.S_ISREG(found.st_mode) and identity not in linked:
                total += held_bytes(found)
                if found.st_nlink > 1:
                    linked.add(identity)
            elif stat.S_ISDIR(found.st_mode):
                inner = os.open(name, _DIRECTORY, dir_fd=directory)
                try:
                    total += _held_below(inner, depth + 1, linked)
                finally:
                    os.close(inner)
    return total


def remove_at(directory: int, name: str) -> None:
    """Remove what a directory has under this name, with all that is in it. Follows no link."""
    lifted = [name]
    while lifted:
        _remove(directory, lifted.pop(), directory, 0, lifted)


def _remove(directory: int, name: str, top: int, depth: int, lifted: list[str]) -> None:
    found = _lstat(directory, name)
    if found is None:
        return
    if not stat.S_ISDIR(found.st_mode):
        os.unlink(name, dir_fd=directory)
    elif depth > _DEEPEST:  # as deep as somebody liked: it goes on from the top
        lifted.append(f".{uuid.uuid4().hex}")
        os.rename(name, lifted[-1], src_dir_fd=directory, dst_dir_fd=top)
    else:
        inner = os.open(name, _DIRECTORY, dir_fd=directory)
        try:
            os.fchmod(inner, 0o700)
            for each in os.listdir(inner):
                _remove(inner, each, top, depth + 1, lifted)
        finally:
            os.close(inner)
        os.rmdir(name, dir_fd=directory)


def _refuse_deep(depth: int) -> None:
    if depth > _DEEPEST:
        raise OSError(errno.ENAMETOOLONG, f"folders are nested more than {_DEEPEST} deep")


def _lstat(directory: int, name: str) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _keep(source: int, target: int, found: os.stat_result) -> None:
    """Give the target what the source has besides its content."""
    made = os.fstat(target)
    if (made.st_uid, made.st_gid) != (found.st_uid, found.st_gid):
        os.fchown(target, found.st_uid, found.st_gid)
    names = os.listxattr(source)
    for name in set(os.listxattr(target)).difference(names):
        with suppress(OSError):
            os.removexattr(target, name)
    for name in names:
        try:
            os.setxattr(target, name, os.getxattr(source, name))
        except OSError as error:
            # Those of the system are for the system to say.
            if error.errno not in _NOT_KEPT_HERE or name.startswith("user."):
                raise
    os.fchmod(target, stat.S_IMODE(found.st_mode))
    os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns))
