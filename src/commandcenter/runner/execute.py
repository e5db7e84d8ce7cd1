"""Run a short command in a running service's sandbox: its health probe.

The command sees exactly what the service sees, is the same user, and counts against the same
limits. What protects the machine from the service holds for it too: the namespaces are entered one
by one, then every capability is given up and the system call filter installed, then it is exec'd.
"""

import asyncio
import os
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from commandcenter.runner import kernel
from commandcenter.runner.cgroups import Leaf
from commandcenter.runner.descriptors import close_all, readable, reap
from commandcenter.runner.errors import IsolationError
from commandcenter.runner.network_namespaces import Namespaces
from commandcenter.runner.spawn import Identity, limit, settle

MAX_OUTPUT_BYTES = 64 * 1024
_NOT_FOUND = 127
_END_SECONDS = 5.0
# In this order: each must be entered while holding the rights over the namespace that owns it.
_KINDS = (
    ("ipc", kernel.CLONE_NEWIPC),
    ("uts", kernel.CLONE_NEWUTS),
    ("cgroup", kernel.CLONE_NEWCGROUP),
    ("pid", kernel.CLONE_NEWPID),
    ("mnt", kernel.CLONE_NEWNS),
)


@dataclass(frozen=True, slots=True)
class Place:
    """A running service's sandbox, and what holds in it."""

    init_pid: int
    namespaces: Namespaces  # of its network
    identity: Identity | None
    leaf: Leaf | None
    seccomp: bytes
    directory: str
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Executed:
    exit_code: int | None  # None: ended at its time limit
    output: bytes  # of both streams, as they came; the first 64 KiB
    seconds: float


async def execute(place: Place, command: tuple[str, ...], timeout_seconds: float) -> Executed:
    """Run the command to its end or its time limit. Raises `IsolationError`."""
    started = time.monotonic()
    output, theirs = os.pipe2(os.O_CLOEXEC)
    told, telling = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    os.set_blocking(output, False)
    held: list[int] = []
    try:
        null = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        held.append(null)
        namespaces = _open_namespaces(place.init_pid, held)
        joins = _join_files(place.leaf)
        held += joins
        pid = _fork(place, command, namespaces, (null, theirs, theirs), joins, telling)
    except OSError as error:
        close_all(output, told)
        raise IsolationError(f"A command cannot be run in the service: {error}.") from error
    finally:
        close_all(theirs, telling, *held)
    child = os.pidfd_open(pid)
    reading = asyncio.create_task(_read(output))
    code: int | None = None
    try:
        try:
            async with asyncio.timeout(timeout_seconds):
                await readable(child)
            status, *_ = reap(pid)
            code = _exit_code(status)
        except TimeoutError:
            status = await _kill(pid, child)
        except BaseException:
            await _kill(pid, child)
            raise
        if os.WIFSIGNALED(status):
            await _bury(told)
    finally:
        os.close(child)
        # What it left running in the service may hold the pipe; that is not waited for.
        await asyncio.sleep(0)
        reading.cancel()
        data = await reading
        close_all(output, told)
    return Executed(code, data, time.monotonic() - started)


async def _read(fd: int) -> bytes:
    """All that comes until it is cancelled; what is too much is taken and forgotten."""
    data = bytearray()

    def take() -> bool:
        chunk = os.read(fd, MAX_OUTPUT_BYTES)
        data.extend(chunk[: MAX_OUTPUT_BYTES - len(data)])
        return bool(chunk)

    with suppress(asyncio.CancelledError):
        while True:
            await readable(fd)
            if not take():
                return bytes(data)
    with suppress(BlockingIOError):  # what came with the very end, and fits
        while len(data) < MAX_OUTPUT_BYTES and take():
            pass
    return bytes(data)


def _open_namespaces(init_pid: int, held: list[int]) -> list[tuple[int, int]]:
    """What to enter, in order: (descriptor, kind)."""

    def opened(name: str) -> int:
        fd = os.open(f"/proc/{init_pid}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC)
        held.append(fd)
        return fd

    network = opened("net")
    inner = [(opened(name), kind) for name, kind in _KINDS]
    last = opened("user")
    owner = kernel.namespace_owner(inner[-1][0])
    held.append(owner)
    found = [(network, kernel.CLONE_NEWNET), (owner, kernel.CLONE_NEWUSER), *inner]
    if not os.path.samestat(os.fstat(owner), os.fstat(last)):
        found.append((last, kernel.CLONE_NEWUSER))
    return found


def _join_files(leaf: Leaf | None) -> list[int]:
    if leaf is None:
        return []
    name = "tasks" if leaf.version == 1 else "cgroup.procs"
    places = dict.fromkeys(leaf.directories.values())
    return [os.open(place / name, os.O_WRONLY | os.O_CLOEXEC) for place in places]


def _fork(
    place: Place,
    command: tuple[str, ...],
    namespaces: list[tuple[int, int]],
    stdio: tuple[int, int, int],
    joins: list[int],
    telling: int,
) -> int:
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    code = _NOT_FOUND
    try:
        limit(stdio, (), place.identity, joins)
        kernel.set_dumpable(on=False)  # until exec: the service must not read the runner's memory
        kernel.enter_namespace(place.namespaces.user, kernel.CLONE_NEWUSER)
        for fd, kind in namespaces:
            kernel.enter_namespace(fd, kind)
        kernel.die_with_parent()
        if os.getppid() != parent:
            os._exit(code)
        # Only a child is in the process namespace; this one waits for it.
        inner = os.fork()
        if inner == 0:
            _become(place, command)
        os.write(telling, str(inner).encode())
        os.close(0)
        os.close(1)
        os.close(2)
        code = _exit_code(os.waitpid(inner, 0)[1])
    except BaseException as error:  # noqa: BLE001 - nothing may return into the parent's code
        os.write(2, f"{command[0]}: {error}\n".encode())
    finally:
        os._exit(code)


def _become(place: Place, command: tuple[str, ...]) -> None:
    try:
        os.setsid()
        settle()
        os.chdir(place.directory)
        kernel.die_with_parent()
        kernel.drop_bounding_capabilities()
        kernel.drop_capabilities()
        kernel.filter_system_calls(place.seccomp)
        os.execvpe(command[0], list(command), dict(place.environment))  # noqa: S606 - no shell
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\n".encode())
    finally:
        os._exit(_NOT_FOUND)


def _exit_code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


async def _kill(pid: int, child: int) -> int:
    """End the command with its process group; the process that waits for it takes its end."""
    with suppress(OSError):
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:  # noqa: PTH123
            commands = [int(command) for command in file.read().split()]
        for command in commands:
            with suppress(ProcessLookupError):
                os.killpg(command, signal.SIGKILL)
            with suppress(ProcessLookupError):
                os.kill(command, signal.SIGKILL)
    try:
        async with asyncio.timeout(_END_SECONDS):
            await readable(child)
    except TimeoutError:  # it had not come so far
        os.kill(pid, signal.SIGKILL)
        await readable(child)
    return reap(pid)[0]


async def _bury(told: int) -> None:
    """Take the command's end if the process that waited for it died first.

    As long as nobody has, the service's process namespace cannot end.
    """
    try:
        command = int(os.read(told, 32))
    except (BlockingIOError, ValueError):
        return
    with suppress(ChildProcessError, ProcessLookupError, TimeoutError):
        orphan = os.pidfd_open(command)
        try:
            async with asyncio.timeout(_END_SECONDS):  # it is killed with the one that waited
                await readable(orphan)
            reap(command)
        finally:
            os.close(orphan)
