"""For a hub that runs as root: what a container is to see of the host, under its own user.

A container's process has a user number of the host's. A project's folder belongs to another one,
and root's folders are closed to it. As in the sandbox (`runner.staging`) each is shown through an
id-mapped mount. The engine must find that mount, so that it cannot be in a namespace of our own: it
lies below the data directory for the time between the container's creation and its start, and is
gone once the container has its own copy. What a killed hub left is swept by the next one.

A hub that is not root needs none of this: its containers run as the user who owns the folder.
"""

import fcntl
import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from commandcenter.runner import kernel
from commandcenter.runner.errors import IsolationError
from commandcenter.runner.plan import SandboxPlan
from commandcenter.runner.spawn import Identity
from commandcenter.runner.staging import StagedMounts, Stager, stage_binds

_LOCK = "lock"
_NAMESPACE_SECONDS = 20.0
# A process that only holds a user namespace, until its input ends. Not a fork of ours: the hub has
# threads.
_HOLDER = (
    "import ctypes, os\n"
    "c = ctypes.CDLL(None, use_errno=True)\n"
    "os.write(1, b'1' if c.unshare(0x10000000) == 0 else b'0')\n"
    "os.read(0, 1)\n"
)


@dataclass(slots=True)
class Staged:
    sources: dict[str, str]  # where a bind's source is to be found, by target
    tmp: int | None  # a descriptor of the attempt's /tmp


class Staging:
    """The staging directory of this process; made at the first use."""

    def __init__(self, directory: Path) -> None:
        self._parent = directory
        self._own: Path | None = None
        self._lock: int | None = None
        self._counter = itertools.count(1)
        self._stager: Stager | None = None

    @contextmanager
    def stage(self, plan: SandboxPlan, identity: Identity) -> Iterator[Staged]:
        """Show the plan's places to the identity until the block ends. Raises `IsolationError`."""
        if os.geteuid() != 0:
            yield Staged({}, None)
            return
        mounts = StagedMounts()
        tmp: int | None = None
        try:
            stager, own = self._open()
            sources = stage_binds(stager, plan.binds, identity, mounts)
            place = own / f"tmp{next(self._counter)}"
            place.mkdir(mode=0o700)
            mounts.paths.append(str(place))
            flags = kernel.MS_NOSUID | kernel.MS_NODEV
            kernel.mount("tmp", str(place), "tmpfs", flags, f"mode=1777,size={plan.disk_bytes}")
            tmp = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            sources["/tmp"] = str(place)  # noqa: S108 - the container's
            yield Staged(sources, os.dup(tmp))
        except OSError as error:
            raise IsolationError(
                f"What the container is to see cannot be shown: {error}."
            ) from error
        finally:
            if tmp is not None:
                os.close(tmp)
            mounts.release()

    def sweep(self) -> None:
        """Take away what dead processes left."""
        with suppress(OSError):
            for directory in self._parent.iterdir():
                if directory != self._own:
                    _sweep(directory)

    def close(self) -> None:
        if self._own is not None:
            _take_away(self._own)
            self._own = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _open(self) -> tuple[Stager, Path]:
        if self._own is None or self._stager is None:
            self._parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.sweep()
            number = next(n for n in itertools.count(1) if self._make(n))
            self._own = self._parent / str(number)
            self._stager = Stager(self._own, _namespace)
        return self._stager, self._own

    def _make(self, number: int) -> bool:
        directory = self._parent / str(number)
        try:
            directory.mkdir(mode=0o700)
        except FileExistsError:
            return False
        self._lock = os.open(directory / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        return True


def _sweep(directory: Path) -> None:
    lock = os.open(directory / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return  # its process lives
    else:
        _take_away(directory)
    finally:
        os.close(lock)


def _take_away(directory: Path) -> None:
    """Unmount what is mounted directly below it and remove it; never what a mount shows."""
    for entry in directory.iterdir():
        with suppress(OSError):
            kernel.unmount(str(entry))
        with suppress(OSError):
            if entry.is_dir():
                entry.rmdir()
            else:
                entry.unlink()
    with suppress(OSError):
        directory.rmdir()


def _namespace(uid: int, gid: int, identity: Identity) -> int:
    """Make a user namespace that maps the on-disk owner to the identity. Raises OSError."""
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _HOLDER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={},
    ) as holder:
        assert holder.stdin is not None  # noqa: S101 - a pipe, as asked
        assert holder.stdout is not None  # noqa: S101
        try:
            if holder.stdout.read(1) != b"1":
                raise OSError(0, "user namespaces are not allowed")
            home = Path("/proc") / str(holder.pid)
            (home / "setgroups").write_text("deny")
            (home / "uid_map").write_text(f"{uid} {identity.uid} 1")
            (home / "gid_map").write_text(f"{gid} {identity.gid} 1")
            return os.open(home / "ns" / "user", os.O_RDONLY | os.O_CLOEXEC)
        finally:
            holder.stdin.close()
            holder.wait(_NAMESPACE_SECONDS)
