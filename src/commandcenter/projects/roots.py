"""Which folders of this machine may be used at all.

The configured roots come from the settings. The local operator may add more in a file that only
the hub's user can write; it is read anew at each check, so that a widened or narrowed list counts
at once, without a restart.
"""

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from commandcenter.projects.errors import (
    FolderNotFoundError,
    PathInvalidError,
    PathNotAllowedError,
)

ROOTS_FILE = "allowed-roots"
DEMO_FOLDER = "demo"
_MAX_FILE_BYTES = 256 * 1024
_MAX_PATH = 4096


class AllowedRoots:
    """Decides about paths. Every method touches the file system: call it off the event loop."""

    def __init__(self, data_directory: Path, configured: Iterable[Path]) -> None:
        self._data = _real(data_directory)
        self._configured = tuple(configured)
        self._file = self._data / ROOTS_FILE

    def roots(self) -> tuple[Path, ...]:
        """Return the roots as they are now, resolved, without repetition.

        Raises `PathNotAllowedError` when the operator's file could have been written by others.
        """
        demo = self._data / DEMO_FOLDER
        paths = [_real(path) for path in (*self._configured, *self._from_file())]
        return tuple(dict.fromkeys([*paths, demo]))

    def check(self, path: str | os.PathLike[str]) -> Path:
        """Return the folder with all links resolved, or raise an error that says why not.

        What lies outside the roots is refused before anybody looks whether it exists.
        """
        given = os.fspath(path)
        if not given or "\0" in given or len(os.fsencode(given)) > _MAX_PATH:
            raise PathInvalidError(
                "A path must be between 1 and 4096 bytes long and have no NUL character."
            )
        if not Path(given).is_absolute():
            raise PathInvalidError(
                f"{given!r} is a relative path, and the hub has no working folder of yours.",
                hint="Give the absolute path, as printed by pwd.",
            )
        resolved = _real(Path(given))
        self._refuse_reserved(given, resolved)
        roots = self.roots()
        if not any(resolved.is_relative_to(root) for root in roots):
            where = given if str(resolved) == given else f"{given} (which is {resolved})"
            raise PathNotAllowedError(
                f"{where} lies in none of the allowed roots: {', '.join(map(str, roots))}.",
                hint=f"To allow it, on the hub's machine: commandcenter project allow {resolved}",
                fields={"roots": [str(root) for root in roots]},
            )
        if not resolved.is_dir():
            raise FolderNotFoundError(
                f"{given} is not a folder that the hub can see.",
                hint="Check the spelling and that the hub's user may read it.",
            )
        return resolved

    def allow(self, path: Path) -> Path:
        """Add a root for good and return it resolved; idempotent.

        For the local operator alone: never reachable through the API.
        """
        resolved = _real(path.absolute())
        self._refuse_reserved(str(path), resolved)
        if "\n" in str(resolved) or not resolved.is_dir():
            raise FolderNotFoundError(f"{path} is not a folder.")
        lines = [str(line) for line in self._from_file()]
        if str(resolved) in lines:
            return resolved
        self._data.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = self._file.with_name(f".{ROOTS_FILE}.{os.getpid()}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write("".join(f"{line}\n" for line in [*lines, str(resolved)]))
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(self._file)
        return resolved

    def _refuse_reserved(self, given: str, resolved: Path) -> None:
        if resolved == Path(resolved.anchor):
            raise PathNotAllowedError(f"{given} is the root of the file system.")
        demo = self._data / DEMO_FOLDER
        if resolved.is_relative_to(self._data) and not (
            resolved != demo and resolved.is_relative_to(demo)
        ):
            raise PathNotAllowedError(f"{given} belongs to CommandCenter's own data, {self._data}.")

    def refuse_workspace(self, folder: Path) -> None:
        """Refuse a folder that holds the data directory: agents would see the vault and tokens."""
        if self._data.is_relative_to(folder):
            raise PathNotAllowedError(
                f"{folder} contains CommandCenter's own data, {self._data}, "
                "which no agent may see.",
                hint="Add the folder of one repository, not the one around them all.",
            )

    def covers(self, resolved: Path) -> bool:
        """Whether a resolved path lies in one of the roots."""
        return any(resolved.is_relative_to(root) for root in self.roots())

    def _from_file(self) -> list[Path]:
        try:
            descriptor = os.open(self._file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise PathNotAllowedError(f"{self._file} cannot be read: {error.strerror}.") from error
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode) or found.st_mode & 0o022:
                raise PathNotAllowedError(
                    f"{self._file} could be written by other users, so nothing in it counts.",
                    hint=f"Look at its content, then: chmod 600 {self._file}",
                )
            content = file.read(_MAX_FILE_BYTES).decode(errors="surrogateescape")
        return [Path(line) for line in content.splitlines() if line.startswith("/")]


def _real(path: Path) -> Path:
    try:
        return Path(os.path.realpath(path))
    except (OSError, RuntimeError) as error:
        raise PathInvalidError(f"{path} cannot be resolved: {error}.") from error
