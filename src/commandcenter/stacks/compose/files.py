"""The one way to the project's files: by paths relative to its folder, and never out of it."""

import errno
import os
import stat
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Protocol

MAX_FILE_BYTES = 1024 * 1024


class PathKind(StrEnum):
    FILE = "file"
    FOLDER = "folder"
    OTHER = "other"  # a socket, a device, a pipe
    MISSING = "missing"


class ProjectFileError(Exception):
    """A file cannot be given; the message says why, for the user."""


class OutsideProjectError(ProjectFileError):
    """The path leads out of the project's folder, itself or through a link."""


class MissingFileError(ProjectFileError):
    """There is no such file."""


class ProjectFiles(Protocol):
    """Paths are POSIX; relative ones from the project's folder, absolute ones must lie in it."""

    def locate(self, path: str) -> str:
        """Return the normalised relative path; OutsideProjectError if it leads out.

        Links are followed as far as the path exists; what does not exist yet is judged by its
        nearest existing folder.
        """
        ...

    def kind(self, path: str) -> PathKind:
        """Return what is at the path; OutsideProjectError as `locate`."""
        ...

    def read(self, path: str) -> str:
        """Return a text file; ProjectFileError if it is missing, outside, too large, not UTF-8."""
        ...


def normalise(path: str) -> str:
    """Return the path without `.` and `..`; OutsideProjectError if it climbs out.

    Written as the words are, links not looked at. An absolute path is outside here.
    """
    if "\0" in path:
        raise OutsideProjectError("a path cannot hold a NUL character")
    pure = PurePosixPath(path)
    if pure.is_absolute() or path.startswith("~"):
        raise OutsideProjectError(f"{path} lies outside the project's folder")
    parts: list[str] = []
    for part in pure.parts:
        if part == "..":
            if not parts:
                raise OutsideProjectError(f"{path} leads out of the project's folder")
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts) or "."


class FolderFiles:
    """The files of a real folder.

    Links are resolved first, then every component is opened without following any: a link that is
    put in place between the look and the opening is refused.
    """

    def __init__(self, folder: Path) -> None:
        self._root = Path(os.path.realpath(folder))
        self._names = tuple(dict.fromkeys((self._root, Path(os.path.abspath(folder)))))  # noqa: PTH100 - resolve() would follow links

    def locate(self, path: str) -> str:
        relative = normalise(self._relative(path))
        self._real(relative)
        return relative

    def kind(self, path: str) -> PathKind:
        try:
            mode = self._real(normalise(self._relative(path))).lstat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            return PathKind.MISSING
        except OSError as error:
            raise ProjectFileError(f"{path} cannot be looked at: {error.strerror}") from None
        if stat.S_ISREG(mode):
            return PathKind.FILE
        return PathKind.FOLDER if stat.S_ISDIR(mode) else PathKind.OTHER

    def read(self, path: str) -> str:
        relative = normalise(self._relative(path))
        parts = self._real(relative).relative_to(self._root).parts
        try:
            data = self._read(parts)
        except (FileNotFoundError, NotADirectoryError):
            raise MissingFileError(f"there is no file {relative}") from None
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise OutsideProjectError(f"{relative} was changed while it was read") from None
            raise ProjectFileError(f"{relative} cannot be read: {error.strerror}") from None
        if data is None:
            raise ProjectFileError(f"{relative} is not a regular file")
        if len(data) > MAX_FILE_BYTES:
            raise ProjectFileError(f"{relative} has more than {MAX_FILE_BYTES:,} bytes")
        try:
            return data.decode()
        except UnicodeDecodeError:
            raise ProjectFileError(f"{relative} is not UTF-8 text") from None

    def _relative(self, path: str) -> str:
        if path.startswith("/") and "\0" not in path:
            absolute = os.path.normpath(path)
            for name in self._names:
                if absolute == str(name) or absolute.startswith(f"{name}/"):
                    return os.path.relpath(absolute, name)
        return path

    def _real(self, relative: str) -> Path:
        try:
            real = Path(os.path.realpath(self._root / relative))
        except OSError as error:
            raise ProjectFileError(f"{relative} cannot be followed: {error.strerror}") from None
        if real != self._root and self._root not in real.parents:
            raise OutsideProjectError(
                f"{relative} leads out of the project's folder through a symbolic link"
            )
        return real

    def _read(self, parts: tuple[str, ...]) -> bytes | None:
        folder = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for part in parts[:-1]:
                flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
                below = os.open(part, flags, dir_fd=folder)
                os.close(folder)
                folder = below
            name = parts[-1] if parts else "."
            # Without O_NONBLOCK a pipe put there would make the opening wait for a writer.
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            descriptor = os.open(name, flags, dir_fd=folder)
        finally:
            os.close(folder)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            return None
        with os.fdopen(descriptor, "rb") as file:
            return file.read(MAX_FILE_BYTES + 1)
