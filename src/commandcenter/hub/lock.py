"""One hub per data directory, and nobody else in it."""

import errno
import fcntl
import os
import stat
from pathlib import Path

from commandcenter.kit.disk import disk_full
from commandcenter.kit.errors import ProblemError, UnavailableError

_PRIVATE = 0o700


class DataDirectoryInUseError(UnavailableError):
    code = "data_directory_in_use"
    title = "Another hub uses this data directory"


class DataDirectoryUnusableError(UnavailableError):
    code = "data_directory_unusable"
    title = "The hub cannot use its data directory"


class DataDirectoryLock:
    """Held by the kernel for this process: gone with it, however it dies."""

    def __init__(self, data_directory: Path) -> None:
        """Make the directory if need be, keep others out of it, and lock it.

        `warning` says so when others may look in and it is not the hub's to change.
        """
        try:
            data_directory.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
            self.warning = _keep_others_out(data_directory)
            path = data_directory / "hub.lock"
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _unusable(data_directory, error) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(self._descriptor, 200).decode(errors="replace").strip()
            os.close(self._descriptor)
            raise DataDirectoryInUseError(
                f"{data_directory} is in use by another hub ({holder or 'which is starting'}).",
                hint="Stop it, or choose another directory with --data-directory "
                "(COMMANDCENTER_DATA_DIRECTORY) and another port with --port.",
            ) from error
        except OSError as error:  # a file system without locks
            os.close(self._descriptor)
            raise _unusable(data_directory, error) from error

    def tell(self, words: str) -> None:
        """Leave words for whoever finds the lock taken."""
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, words.encode(), 0)

    def release(self) -> None:
        """Let others have it; idempotent."""
        if self._descriptor != -1:
            os.close(self._descriptor)
            self._descriptor = -1


def keep_files_private() -> None:
    """Have whatever this process makes from now on be readable by its user alone.

    For a process that is a hub or a worker and nothing else.
    """
    os.umask(0o077)


def _keep_others_out(directory: Path) -> str | None:
    """Take others' permissions away; return a warning where the folder is not the hub's alone."""
    status = directory.stat()
    mode = stat.S_IMODE(status.st_mode)
    if not mode & 0o077:
        return None
    place = directory.resolve()
    # Somebody's home, or a folder like /srv: others need their way through it.
    is_shared = mode & stat.S_ISVTX or place == Path.home() or place.parent == Path(place.root)
    if status.st_uid == os.geteuid() and not is_shared:
        directory.chmod(_PRIVATE)
        return None
    return (
        f"Other users may look into the data directory {directory} (mode {mode:04o}). "
        "Choose a folder of the hub's own with --data-directory, "
        f"or keep others out: chmod 700 {directory}"
    )


def _unusable(directory: Path, error: OSError) -> ProblemError:
    full = disk_full(error, directory)
    if full is not None:
        return full
    reason = error.strerror or type(error).__name__
    if error.errno in {errno.EEXIST, errno.ENOTDIR}:
        reason = "A file is in the way, where a folder should be"
    elif error.errno in {errno.EACCES, errno.EPERM}:
        reason = "This user may not write there"
    return DataDirectoryUnusableError(
        f"{directory} cannot be made or written to: {reason}.",
        hint="Choose a folder of your own with --data-directory (COMMANDCENTER_DATA_DIRECTORY), "
        "or make this one writable for the user that runs the hub.",
    )
