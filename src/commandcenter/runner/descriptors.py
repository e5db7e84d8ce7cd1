"""Wait for plain file descriptors on the event loop."""

import asyncio
import os
from contextlib import suppress


async def readable(fd: int) -> None:
    """Return when `fd` can be read without blocking (or its other end is gone)."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[None] = loop.create_future()

    def ready() -> None:
        if not future.done():
            future.set_result(None)

    loop.add_reader(fd, ready)
    try:
        await future
    finally:
        loop.remove_reader(fd)


async def writable(fd: int) -> None:
    """Return when something can be written to `fd` (or its other end is gone)."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[None] = loop.create_future()

    def ready() -> None:
        if not future.done():
            future.set_result(None)

    loop.add_writer(fd, ready)
    try:
        await future
    finally:
        loop.remove_writer(fd)


async def read_until(fd: int, end: bytes, limit: int) -> bytes:
    """Read up to and including `end`, or to the end of the stream; at most `limit` bytes."""
    data = b""
    while end not in data and len(data) < limit:
        await readable(fd)
        chunk = os.read(fd, limit)
        if not chunk:
            break
        data += chunk
    return data


def read_available(fd: int, limit: int) -> bytes:
    """What a non-blocking descriptor has now, at most `limit` bytes."""
    data = b""
    while len(data) < limit:
        try:
            chunk = os.read(fd, limit - len(data))
        except BlockingIOError:
            break
        if not chunk:
            break
        data += chunk
    return data


def reap(pid: int) -> tuple[int, float, int]:
    """Take the end of a child that is known to be dead: status, CPU seconds, peak bytes."""
    _, status, used = os.wait4(pid, 0)
    return status, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024


def reap_if_ours(pid: int) -> None:
    """Take the end of an orphan, if it became this process's child."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def close_all(*fds: int | None) -> None:
    for fd in fds:
        if fd is not None and fd >= 0:
            os.close(fd)
