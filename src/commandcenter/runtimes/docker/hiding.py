"""Where secrets of running attempts lie: in memory-backed directories, never on a disk.

An engine mounts files, it does not take them from us; and values that must not reach a log have to
be known to whoever follows the log after a restart of the hub. Both are kept below a directory that
only this user can enter, on a tmpfs, until the attempt has ended.
"""

import json
import os
import shutil
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from commandcenter.runner import kernel
from commandcenter.runner.spawn import Identity
from commandcenter.runtimes.errors import RuntimeRefusedError

_HIDDEN = "hidden.json"
_TRIES = 20


class HidingPlace:
    def __init__(self, key: str) -> None:
        self._name = f"commandcenter-docker-{key}"

    def hide(
        self,
        attempt_id: str,
        values: tuple[str, ...],
        files: Mapping[str, Mapping[str, tuple[bytes, int]]],
        owner: Identity,
    ) -> dict[str, Path]:
        """Keep values to be hidden, and files by directory; where each directory is.

        `files` has (content, mode) by name, by directory. Raises `RuntimeRefusedError`.
        """
        if not values and not any(files.values()):
            return {}
        home = self._make_home(attempt_id)
        if values:
            _write(home / _HIDDEN, json.dumps(list(values)).encode(), 0o600)
        places = {}
        for name, content in files.items():
            if not content:
                continue
            directory = home / name
            directory.mkdir(mode=0o700, exist_ok=True)
            for file, (data, mode) in content.items():
                _write(directory / file, data, _give(mode, owner))
                _own(directory / file, owner)
            directory.chmod(_give(0o500, owner))
            _own(directory, owner)
            places[name] = directory
        return places

    def hidden(self, attempt_id: str) -> tuple[str, ...] | None:
        """Return the values to be hidden, None if they are not known any more."""
        for place in _candidates():
            with suppress(OSError, ValueError):
                _check(place / self._name)
                text = (place / self._name / attempt_id / _HIDDEN).read_text()
                return tuple(json.loads(text))
        return None

    def remove(self, attempt_id: str) -> None:
        for place in _candidates():
            home = place / self._name / attempt_id
            if home.is_dir():
                for directory in home.iterdir():
                    if directory.is_dir():
                        with suppress(OSError):
                            directory.chmod(0o700)
                shutil.rmtree(home, ignore_errors=True)
                with suppress(OSError):
                    home.parent.rmdir()

    def _make_home(self, attempt_id: str) -> Path:
        for _ in range(_TRIES):
            home = self._open() / attempt_id
            with suppress(FileNotFoundError):  # the last attempt there was has taken it along
                home.mkdir(mode=0o700, exist_ok=True)
                return home
        raise RuntimeRefusedError("The directory for secrets is removed again and again.")

    def _open(self) -> Path:
        for place in _candidates():
            try:
                _check_memory(place)
                directory = place / self._name
                with suppress(FileExistsError):
                    directory.mkdir(mode=0o700)
                _check(directory)
            except OSError:
                continue
            return directory
        raise RuntimeRefusedError(
            "There is no memory-backed directory for secrets: tried "
            f"{', '.join(map(str, _candidates()))}.",
            hint="Mount a tmpfs at /dev/shm.",
        )


def _candidates() -> list[Path]:
    user = os.geteuid()
    places = [Path("/run")] if user == 0 else [Path(f"/run/user/{user}")]
    return [*places, Path("/dev/shm")]  # noqa: S108 - checked to be a tmpfs and ours alone


def _check(directory: Path) -> None:
    """Raises OSError unless it is ours alone and in memory."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        status = os.fstat(fd)
        if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o077:
            raise PermissionError(f"{directory} is not this user's alone")
    finally:
        os.close(fd)
    _check_memory(directory)


def _check_memory(directory: Path) -> None:
    """Raises OSError unless it is in memory."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if kernel.filesystem_type(fd) != kernel.TMPFS_MAGIC:
            raise OSError(0, f"{directory} is not in memory")
    finally:
        os.close(fd)


def _write(path: Path, data: bytes, mode: int) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(data)
        os.fchmod(file.fileno(), mode)


def _give(mode: int, owner: Identity) -> int:
    """Without the right to give a file away, all may read it that get into its directory."""
    if os.geteuid() in (0, owner.uid):
        return mode
    return mode | (mode & 0o500) >> 3 | (mode & 0o500) >> 6


def _own(path: Path, owner: Identity) -> None:
    if os.geteuid() == 0:
        os.chown(path, owner.uid, owner.gid, follow_symlinks=False)
