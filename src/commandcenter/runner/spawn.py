"""Fork and exec one process that is limited, unprivileged and tied to the runner's life.

`subprocess` is not used because the order of the steps between fork and exec matters: into the
cgroups while still privileged, then the identity is given up, then the death signal is set (a
change of identity clears it), then exec. The runner has a single thread, so forking is safe, and
the signal's "parent" is that thread.
"""

import os
import resource
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from commandcenter.runner import kernel
from commandcenter.runner.own_log import note

_EXEC_FAILED = 127
_OPEN_FILES = 4096


@dataclass(frozen=True, slots=True)
class Identity:
    """A host user and group id to become before exec; no supplementary groups."""

    uid: int
    gid: int


def spawn(
    argv: Sequence[str],
    *,
    executable: str,
    environment: dict[str, str],
    stdio: tuple[int, int, int],
    keep: Sequence[int],
    identity: Identity | None,
    cgroup_files: Sequence[int],
    enter: Callable[[], None] | None = None,
) -> int:
    """Start `executable`; return its process id. Failures after the fork are told on stderr.

    `cgroup_files` are open `tasks` or `cgroup.procs` files which the child joins by writing "0";
    `enter` is called in the child when it has its identity, to change namespaces.
    """
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        _become(parent, stdio, keep, identity, cgroup_files, enter)
        os.execve(executable, list(argv), environment)  # noqa: S606 - no shell is the point
    except BaseException as error:  # noqa: BLE001 - nothing may return into the parent's code
        os.write(2, f"cannot start {os.path.basename(executable)}: {error}\n".encode())  # noqa: PTH119
    finally:
        os._exit(_EXEC_FAILED)


def _become(
    parent: int,
    stdio: tuple[int, int, int],
    keep: Sequence[int],
    identity: Identity | None,
    cgroup_files: Sequence[int],
    enter: Callable[[], None] | None,
) -> None:
    limit(stdio, keep, identity, cgroup_files)
    if enter is not None:
        enter()
    kernel.die_with_parent()
    if os.getppid() != parent:
        os._exit(_EXEC_FAILED)
    settle()


def limit(
    stdio: tuple[int, int, int],
    keep: Sequence[int],
    identity: Identity | None,
    cgroup_files: Sequence[int],
) -> None:
    """Take the child's place: descriptors, session, cgroups, limits, identity, in this order."""
    for target, fd in enumerate(stdio):
        os.dup2(fd, target)
    for fd in keep:
        os.set_inheritable(fd, True)
    os.setsid()
    for fd in cgroup_files:
        os.write(fd, b"0")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    top = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (top, top))
    _prefer_for_oom()
    if identity is not None:
        os.setgroups([])
        os.setresgid(identity.gid, identity.gid, identity.gid)
        os.setresuid(identity.uid, identity.uid, identity.uid)


def settle() -> None:
    """Undo what a program must not inherit from the runner."""
    os.umask(0o022)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)


def _prefer_for_oom() -> None:
    """Let the kernel end a sandbox before the hub when the whole machine is out of memory."""
    try:
        fd = os.open("/proc/self/oom_score_adj", os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(fd, b"500")
        finally:
            os.close(fd)
    except OSError as error:
        note(f"oom_score_adj: {error}")
