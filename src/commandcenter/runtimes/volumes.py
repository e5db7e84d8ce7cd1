"""Volumes that are directories of this machine: `DATA/volumes/PROJECT/NAME`."""

import asyncio
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from commandcenter.kit.disk import DiskFullError, disk_full, space_at
from commandcenter.kit.sync import sync_filesystem
from commandcenter.kit.tree_copy import CopyCancelledError, TreeCopy, remove_at, tree_bytes
from commandcenter.runner.kernel import filesystem_type
from commandcenter.runner.paths import RunnerPaths
from commandcenter.runner.service import NETWORK_NAME
from commandcenter.runner.service_plan import check_own_volume
from commandcenter.runtimes.errors import ServiceConflictError, VolumeCopyError

_T = TypeVar("_T")
_MIB = 1024**2
_KEPT_FREE_BYTES = 256 * _MIB  # for everything else that lives on the disk
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Of ext4, xfs and btrfs: where a change always shows in a file's time, see `kit.tree_copy`.
_TELL_CHANGES = frozenset({0xEF53, 0x5846_5342, 0x9123_683E})


class LocalVolumes:
    """Copies and removes volumes, in threads. Made for one hub: a copy is of one at a time."""

    def __init__(self, data_directory: Path) -> None:
        self._paths = RunnerPaths(data_directory.resolve())
        self._copies: dict[Path, TreeCopy] = {}

    async def existing(self, project: str) -> tuple[Path, ...]:
        """See `Runtime.volumes`."""
        home = self._home(project)

        def look() -> tuple[Path, ...]:
            if not home.is_dir():
                return ()
            return tuple(
                sorted(each for each in home.iterdir() if NETWORK_NAME.fullmatch(each.name))
            )

        return await asyncio.to_thread(look)

    async def check_room(self, sources: Sequence[Path]) -> int:
        """Return the bytes of all; DiskFullError when their copies would not fit."""
        for source in sources:
            self._check(source)

        def look() -> tuple[int, int]:
            return sum(map(tree_bytes, sources)), space_at(self._paths.data).free_bytes

        try:
            needed, free = await asyncio.to_thread(look)
        except OSError as error:
            raise self._problem(error) from error
        if needed + _KEPT_FREE_BYTES > free:
            raise DiskFullError(
                f"The copy would take {_mib(needed)}, and {_mib(free)} are free on the disk of "
                f"{self._paths.data}, of which {_mib(_KEPT_FREE_BYTES)} are kept for the hub.",
                hint="Free space there, or give it more.",
            )
        return needed

    async def copy(
        self, source: Path, target: Path, *, ahead: bool, progress: Callable[[int], None]
    ) -> int:
        """See `Runtime.copy_volume`."""
        self._check(source)
        self._check(target)
        made = _begun(target)

        def work(is_cancelled: Callable[[], bool]) -> int:
            if target.exists():
                raise VolumeCopyError(f"There is a volume {target} already.")
            if not source.exists() or (ahead and not _tells_changes(source)):
                return 0
            copy = self._copies.get(target)
            if copy is None:
                target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                _remove(made)
                copy = self._copies[target] = TreeCopy(source, made)
            size = copy.update(ahead=ahead, is_cancelled=is_cancelled, progress=progress)
            if not ahead:
                made.rename(target)
                del self._copies[target]
            return size

        try:
            return await _in_thread(work)
        except OSError as error:
            raise self._problem(error) from error

    async def sync(self, project: str) -> None:
        """Return when the project's volumes are on the disk."""
        try:
            await asyncio.to_thread(_sync, self._home(project))
        except OSError as error:
            raise self._problem(error) from error

    async def remove(self, project: str) -> None:
        """Remove a project's volumes, and what was begun of them; idempotent."""
        home = self._home(project)
        for target in [each for each in self._copies if each.parent == home]:
            del self._copies[target]

        def work(_: Callable[[], bool]) -> None:
            gone = home.with_name(f".{project}.gone")
            _remove(gone)
            _remove(home.with_name(f"{project}.made"))  # what was made of them, `stacks.volumes`
            with suppress(FileNotFoundError):
                home.rename(gone)  # all at once: half of a database is worse than none
                _remove(gone)

        try:
            await _in_thread(work)
        except OSError as error:
            raise self._problem(error) from error

    def _home(self, project: str) -> Path:
        if not NETWORK_NAME.fullmatch(project):
            raise VolumeCopyError(f"{project!r} is not the name of a project.")
        return self._paths.volumes / project

    def _check(self, volume: Path) -> None:
        check_own_volume(str(volume), os.path.realpath(volume), self._paths)

    def _problem(self, error: OSError) -> Exception:
        full = disk_full(error, self._paths.data)
        if full is not None:
            return full
        place = f" ({error.filename})" if error.filename else ""
        return VolumeCopyError(f"A volume cannot be copied or removed: {error.strerror}{place}.")


def refuse_used(project: str, services: Sequence[str]) -> None:
    """Raise `ServiceConflictError` if there are services that have volumes of the project."""
    if services:
        raise ServiceConflictError(
            f"The volumes of {project} are used by the services {', '.join(services)}.",
            hint="Stop them first.",
        )


async def _in_thread(work: Callable[[Callable[[], bool]], _T]) -> _T:
    """Run it in a thread; a caller that is cancelled waits until the thread has noticed."""
    cancelled = threading.Event()
    task = asyncio.ensure_future(asyncio.to_thread(work, cancelled.is_set))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        cancelled.set()
        with suppress(CopyCancelledError, OSError):
            await task
        raise


def _begun(target: Path) -> Path:
    """Where a volume is made before it is complete: no volume can have such a name."""
    return target.with_name(f".{target.name}.new")


def _tells_changes(source: Path) -> bool:
    directory = os.open(source, _DIRECTORY)
    try:
        return filesystem_type(directory) in _TELL_CHANGES
    finally:
        os.close(directory)


def _sync(home: Path) -> None:
    with suppress(FileNotFoundError):
        directory = os.open(home, _DIRECTORY)
        try:
            sync_filesystem(directory)
        finally:
            os.close(directory)


def _remove(path: Path) -> None:
    with suppress(FileNotFoundError):
        parent = os.open(path.parent, _DIRECTORY)
        try:
            remove_at(parent, path.name)
        finally:
            os.close(parent)


def _mib(size: int) -> str:
    return f"{size / _MIB:.0f} MiB"
