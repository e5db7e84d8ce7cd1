"""Having a whole file system written out."""

import ctypes
import os

_libc = ctypes.CDLL(None, use_errno=True)


def sync_filesystem(descriptor: int) -> None:
    """Return when all that was written on the file system of an open file is on its disk.

    Raises OSError.
    """
    if _libc.syncfs(descriptor) < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
