"""The content of a file in another: shared where the file system can, else copied without holes."""

import errno
import fcntl
import os
from collections.abc import Callable
from contextlib import suppress

_FICLONE = 0x4004_9409
_CHUNK_BYTES = 16 * 1024**2
_CANNOT = frozenset(
    {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTTY, errno.EPERM}
)


def copy_data(source: int, target: int, done: Callable[[int], None]) -> None:
    """Give the empty file `target` the content of `source`; `done` is told bytes, part by part.

    Raises OSError, and what `done` raises.
    """
    size = os.fstat(source).st_size
    if _shared(source, target):
        done(size)
        return
    position = 0
    while position < size:
        try:
            start = os.lseek(source, position, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but a hole is left
                break
            raise
        end = os.lseek(source, start, os.SEEK_HOLE)
        position = _range(source, target, start, end, done)
        if position < end:  # it was cut off meanwhile
            break
    os.ftruncate(target, os.fstat(source).st_size)


def _shared(source: int, target: int) -> bool:
    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError as error:
        if error.errno not in _CANNOT:
            raise
        return False
    return True


def _range(source: int, target: int, start: int, end: int, done: Callable[[int], None]) -> int:
    """Copy a part that is no hole; where it ended, before `end` if the source did."""
    position = start
    in_kernel = True
    while position < end:
        length = min(_CHUNK_BYTES, end - position)
        count = -1
        if in_kernel:
            with suppress(OSError):
                count = os.copy_file_range(source, target, length, position, position)
        if count < 0:  # its real error, if it was one, comes here as well
            in_kernel = False
            count = _through_memory(source, target, min(length, 1024**2), position)
        if count == 0:
            break
        position += count
        done(count)
    return position


def _through_memory(source: int, target: int, length: int, position: int) -> int:
    data = memoryview(os.pread(source, length, position))
    written = 0
    while written < len(data):
        written += os.pwrite(target, data[written:], position + written)
    return written
