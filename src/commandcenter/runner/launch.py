"""Start a sandbox: bubblewrap is forked, followed until the sandbox stands, and let go.

Nothing of the agent runs before its limits are set: the process joins its cgroups before it becomes
bubblewrap, and bubblewrap waits for its filter after everything is mounted. In that pause the
runner takes hold of /out and /tmp inside, so that results can be read when the sandbox is gone.
"""

import asyncio
import errno
import json
import os
import resource
import signal
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from commandcenter.runner import bwrap, kernel
from commandcenter.runner.cgroups import Leaf
from commandcenter.runner.descriptors import (
    close_all,
    read_available,
    read_until,
    readable,
    reap,
    reap_if_ours,
    writable,
)
from commandcenter.runner.errors import IsolationError
from commandcenter.runner.plan import SandboxPlan
from commandcenter.runner.request import JobLimits
from commandcenter.runner.spawn import Identity, spawn

PROCESS_NAME = "bwrap-"  # and the runner's instance, so that the next one finds what was left
_SETUP_DEADLINE_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class LaunchOrder:
    """Everything a launch needs besides the request itself."""

    plan: SandboxPlan
    contents: bwrap.Contents
    limits: JobLimits
    executable: str  # bubblewrap, as the identity can reach it
    sources: Mapping[str, str]
    seccomp: bytes
    identity: Identity | None
    leaf: Leaf | None
    instance: str = ""
    mark: int | None = None  # the descriptor by which the guardian knows this runner's sandboxes
    with_job_pipe: bool = False
    enter: Callable[[], None] | None = None  # other namespaces, in the child
    inherited: tuple[int, ...] = ()  # more descriptors for the sandbox's first program


@dataclass(slots=True)
class Sandbox:
    """A standing sandbox and the runner's holds on it."""

    monitor_pid: int
    monitor_pidfd: int
    init_pid: int
    init_pidfd: int
    stdout: int
    stderr: int
    out_directory: int
    tmp_directory: int
    block: socket.socket | None  # the filter, sent here, lets the program start
    filter: bytes
    job_pipe: int | None = None
    leaf: Leaf | None = None
    exit_status: int | None = None
    spent: tuple[float, int] = (0.0, 0)  # CPU seconds and the largest resident set, once reaped
    _reaped: asyncio.Event = field(default_factory=asyncio.Event)

    def release(self) -> None:
        """Let the program start. Idempotent."""
        if self.block is not None:
            with suppress(OSError), self.block:  # it is dead; its end is told by `reap`
                self.block.sendall(self.filter)
                self.block.shutdown(socket.SHUT_WR)  # a child just forked may hold a copy
            self.block = None

    @property
    def alive(self) -> bool:
        return self.exit_status is None and self._init_alive()

    async def send_job(self, message: bytes) -> None:
        """Give a waiting warm program its job."""
        pipe, self.job_pipe = self.job_pipe, None
        if pipe is None:
            return
        os.set_blocking(pipe, False)
        view = memoryview(message)
        try:
            while view:
                try:
                    view = view[os.write(pipe, view) :]
                except BlockingIOError:
                    await writable(pipe)
        except BrokenPipeError:
            pass  # it is dead; its end is told by `reap`
        finally:
            os.close(pipe)

    def terminate(self, number: int = signal.SIGTERM) -> None:
        """The signal to stop for the program and its process group; nothing once it was reaped."""
        if self.exit_status is None and self._init_alive():
            with suppress(ProcessLookupError):
                os.killpg(self.init_pid, number)

    def kill(self) -> None:
        """SIGKILL for the whole tree: with its first process a process namespace ends.

        Nothing once it was reaped: its descriptors may stand for something else by then.
        """
        if self.exit_status is not None:
            return
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.init_pidfd, signal.SIGKILL)
        if self.leaf is not None:
            self.leaf.kill()

    async def reap(self) -> int:
        """Wait for the end of all processes; the exit code (128 + signal for a signal)."""
        if self.exit_status is None:
            await readable(self.monitor_pidfd)
            await readable(self.init_pidfd)
            if self.exit_status is None:
                status, *spent = reap(self.monitor_pid)
                self.spent = (spent[0], int(spent[1]))
                reap_if_ours(self.init_pid)  # only if bubblewrap ended before it
                code = os.waitstatus_to_exitcode(status)
                self.exit_status = 128 - code if code < 0 else code
        return self.exit_status

    def close_streams(self) -> None:
        """Close the output pipes when nobody has taken them over."""
        close_all(self.stdout, self.stderr)

    def close(self) -> None:
        close_all(
            self.monitor_pidfd, self.init_pidfd, self.out_directory, self.tmp_directory,
            self.job_pipe,
        )  # fmt: skip
        if self.block is not None:
            self.block.close()
        self.block = self.job_pipe = None

    def _init_alive(self) -> bool:
        try:
            signal.pidfd_send_signal(self.init_pidfd, 0)
        except ProcessLookupError:
            return False
        return True


@dataclass(slots=True)
class _Ends:
    """The pipes of one launch; `inside` are bubblewrap's ends, the rest the runner's."""

    stdout: int
    stderr: int
    info: int
    block: socket.socket
    job: int | None
    ready: socket.socket
    stdio: tuple[int, int, int]
    signals: bwrap.Signals
    _theirs: tuple[socket.socket, socket.socket]

    @classmethod
    def open(cls, *, with_job_pipe: bool, mark: int | None) -> "_Ends":
        out_read, out_write = os.pipe2(os.O_CLOEXEC)
        err_read, err_write = os.pipe2(os.O_CLOEXEC)
        info_read, info_write = os.pipe2(os.O_CLOEXEC)
        block, filter_end = socket.socketpair()
        job_read, job_write = (
            os.pipe2(os.O_CLOEXEC)
            if with_job_pipe
            else (os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC), None)
        )
        for fd in (out_read, err_read):
            os.set_blocking(fd, False)
        ours, theirs = socket.socketpair()
        ours.shutdown(socket.SHUT_WR)
        return cls(
            stdout=out_read,
            stderr=err_read,
            info=info_read,
            block=block,
            job=job_write,
            ready=ours,
            stdio=(job_read, out_write, err_write),
            signals=bwrap.Signals(info_write, filter_end.fileno(), theirs.fileno(), mark),
            _theirs=(theirs, filter_end),
        )

    def close_inner(self) -> None:
        close_all(*self.stdio, self.signals.info)
        for end in self._theirs:
            end.close()

    def close_followed(self) -> None:
        """Close what is only needed until the sandbox stands."""
        os.close(self.info)
        self.ready.close()

    def close_kept(self) -> None:
        close_all(self.stdout, self.stderr, self.job)
        self.block.close()


def end_processes(instance: str) -> None:
    """End what a killed runner had not finished setting up, if its guardian was killed as well."""
    name = f"{PROCESS_NAME}{instance}".encode()
    for entry in os.listdir("/proc"):
        if instance and entry.isdigit():
            with suppress(OSError):
                with open(f"/proc/{entry}/cmdline", "rb") as file:  # noqa: PTH123
                    ours = file.read(len(name) + 1) == name + b"\0"
                if ours:
                    os.kill(int(entry), signal.SIGKILL)


async def launch(order: LaunchOrder) -> Sandbox:
    """A sandbox that stands and waits for `release`. Raises `IsolationError`."""
    ends = _Ends.open(with_job_pipe=order.with_job_pipe, mark=order.mark)
    try:
        pid = _spawn_bubblewrap(order, ends)
    except BaseException:
        ends.close_followed()
        ends.close_kept()
        raise
    finally:
        ends.close_inner()
    monitor = os.pidfd_open(pid)
    held = [monitor]
    try:
        async with asyncio.timeout(_SETUP_DEADLINE_SECONDS):
            init_pid = await _init_pid(ends.info)
            init = os.pidfd_open(init_pid)
            held.append(init)
            await readable(ends.ready.fileno())
            out_directory, tmp_directory = await _open_inside(
                init_pid, monitor, "tmp" if order.plan.service else "out"
            )
    except (OSError, TimeoutError, _SetupFailedError) as error:
        _kill_unfinished(pid)
        message = await _failure(pid, monitor, ends.stderr, error)
        close_all(*held)
        ends.close_kept()
        raise IsolationError(message, hint="`commandcenter doctor` says what is missing.") from None
    except BaseException:
        _kill_unfinished(pid)
        close_all(*held)
        ends.close_kept()
        raise
    finally:
        ends.close_followed()
    sandbox = Sandbox(
        monitor_pid=pid,
        monitor_pidfd=monitor,
        init_pid=init_pid,
        init_pidfd=init,
        stdout=ends.stdout,
        stderr=ends.stderr,
        out_directory=out_directory,
        tmp_directory=tmp_directory,
        block=ends.block,
        filter=order.seccomp,
        job_pipe=ends.job,
        leaf=order.leaf,
    )
    if order.leaf is not None:
        order.leaf.close_join_files()
    else:
        await _limit_without_cgroup(sandbox, order.limits)
    return sandbox


def _spawn_bubblewrap(order: LaunchOrder, ends: _Ends) -> int:
    files = bwrap.Files()
    signals = ends.signals
    try:
        args = bwrap.options(
            order.plan,
            order.contents,
            sources=order.sources,
            files=files,
            signals=signals,
        )
        args_fd = files.add("bwrap-options", args)
        if order.identity is not None:  # so that the program can open /dev/stdout by name
            for fd in ends.stdio[1:]:
                os.fchown(fd, order.identity.uid, order.identity.gid)
        return spawn(
            [f"{PROCESS_NAME}{order.instance}", "--args", args_fd, "--", *order.plan.command],
            executable=order.executable,
            environment={},
            stdio=ends.stdio,
            keep=[
                signals.info,
                signals.filter,
                signals.ready,
                *((signals.mark,) if signals.mark is not None else ()),
                *files.fds,
                *order.inherited,
            ],
            identity=order.identity,
            cgroup_files=order.leaf.join_files if order.leaf else [],
            enter=order.enter,
        )
    finally:
        files.close()


async def _limit_without_cgroup(sandbox: Sandbox, limits: JobLimits) -> None:
    try:
        _set_resource_limits(sandbox.init_pid, limits)
    except OSError as error:
        sandbox.kill()
        await sandbox.reap()
        sandbox.close_streams()
        sandbox.close()
        raise IsolationError(
            f"There is no cgroup to use, and resource limits cannot be set either: {error}.",
            hint="Run the hub as an ordinary user, or give it a writable cgroup.",
        ) from error


class _SetupFailedError(Exception):
    """bubblewrap ended before the sandbox stood; it said why on stderr."""


async def _init_pid(info: int) -> int:
    text = await read_until(info, b"}", 4096)
    try:
        return int(json.loads(text)["child-pid"])
    except (ValueError, KeyError):
        raise _SetupFailedError from None


async def _open_inside(init_pid: int, monitor: int, out_name: str) -> tuple[int, int]:
    """Descriptors of the sandbox's /out and /tmp, once it has changed to its own root.

    The mounts are made when this is called; the last steps take bubblewrap some 100 microseconds,
    after which it waits for its filter, so that nothing can be missed.
    """
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    outside = os.stat("/")
    while True:
        try:
            root = os.open(f"/proc/{init_pid}/root", os.O_PATH | os.O_CLOEXEC)
        except FileNotFoundError:
            raise _SetupFailedError from None
        try:
            inside = os.fstat(root)
            if (inside.st_dev, inside.st_ino) != (outside.st_dev, outside.st_ino):
                out = os.open(out_name, flags, dir_fd=root)
                tmp = os.open("tmp", flags, dir_fd=root)
                if kernel.filesystem_type(out) == kernel.TMPFS_MAGIC:
                    return out, tmp
                close_all(out, tmp)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                raise
        finally:
            os.close(root)
        _check_running(monitor)
        await asyncio.sleep(0.0002)


def _check_running(monitor: int) -> None:
    if os.waitid(os.P_PIDFD, monitor, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
        raise _SetupFailedError


def _kill_unfinished(pid: int) -> None:
    """End bubblewrap while it sets up: its child, not yet bound to it, goes first."""
    children: list[int] = []
    with suppress(OSError):
        children = [int(child) for child in _children(pid)]
    for process in (*children, pid):
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def _children(pid: int) -> list[str]:
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:  # noqa: PTH123
        return file.read().split()


async def _failure(pid: int, monitor: int, err_read: int, error: Exception) -> str:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    await readable(monitor)
    reap(pid)
    said = read_available(err_read, 4096).decode("utf-8", "replace").strip()
    if not said and isinstance(error, TimeoutError):
        said = f"it did not stand within {_SETUP_DEADLINE_SECONDS:.0f} seconds"
    return f"The sandbox could not be set up: {said or error or 'bubblewrap ended early'}"


def _set_resource_limits(init_pid: int, limits: JobLimits) -> None:
    """What the kernel can enforce per process where there is no cgroup.

    RLIMIT_DATA spares programs that reserve address space without using it (node); it is twice the
    limit, because the watcher ends the whole tree at the limit itself. RLIMIT_NPROC is counted in
    the sandbox's own user namespace, which is why it is set from outside, after that exists.
    """
    resource.prlimit(init_pid, resource.RLIMIT_NPROC, (limits.pids, limits.pids))
    data = 2 * limits.memory_bytes
    resource.prlimit(init_pid, resource.RLIMIT_DATA, (data, data))
