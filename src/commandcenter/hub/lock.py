"""One hub per data directory."""

import fcntl
import os
from pathlib import Path

from commandcenter.kit.errors import ConflictError


class DataDirectoryInUseError(ConflictError):
    code = "data_directory_in_use"
    title = "Another hub uses this data directory"


class DataDirectoryLock:
    """Held by the kernel for this process: gone with it, however it dies."""

    def __init__(self, data_directory: Path) -> None:
        data_directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = data_directory / "hub.lock"
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(self._descriptor, 200).decode(errors="replace").strip()
            os.close(self._descriptor)
            raise DataDirectoryInUseError(
                f"{data_directory} is in use by another hub ({holder or 'which is starting'}).",
                hint="Stop it, or choose another directory with COMMANDCENTER_DATA_DIRECTORY.",
            ) from error

    def tell(self, words: str) -> None:
        """Leave words for whoever finds the lock taken."""
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, words.encode(), 0)

    def release(self) -> None:
        """Let others have it; idempotent."""
        if self._descriptor != -1:
            os.close(self._descriptor)
            self._descriptor = -1
