"""For a hub that runs as root: show private paths to an unprivileged host user, and only to it.

A sandbox must not be user 0 outside, so its bubblewrap runs under a host user id of its own, which
can neither enter a home directory of mode 0700 nor read files of mode 0600. The runner therefore
lives in a mount namespace of its own, and stages what a sandbox is to see: a copy of the mount,
id-mapped so that files of the path's owner appear as the agent's, and files the agent makes belong
to that owner on the disk. These mounts are invisible to the rest of the machine and vanish with
the runner.
"""

import errno
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from commandcenter.runner import kernel
from commandcenter.runner.errors import IsolationError
from commandcenter.runner.interpreter import own_interpreter
from commandcenter.runner.plan import Bind
from commandcenter.runner.spawn import Identity

_PLACES = ("/run", "/var/run", "/tmp")  # noqa: S108 - the name is unpredictable, the mode 0711
_WORLD_READABLE = 0o005
_NOT_SUPPORTED = (errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS, errno.EPERM)


def staging_candidates(instance: str) -> list[str]:
    return [f"{place}/commandcenter-{instance}" for place in _PLACES]


def make_private_namespace(instance: str) -> Path:
    """Enter a mount namespace of this process's own; return the staging directory in it.

    The empty directory under it is on the disk and is to be removed by `remove_directory`.
    Raises OSError.
    """
    kernel.unshare(kernel.CLONE_NEWNS)
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    last: OSError | None = None
    for place in staging_candidates(instance):
        directory = Path(place)
        try:
            directory.mkdir(mode=0o711)
        except OSError as error:
            last = error
            continue
        directory.chmod(0o711)
        flags = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC
        kernel.mount("staging", str(directory), "tmpfs", flags, "mode=0711,size=1m")
        return directory
    raise last or OSError(errno.ENOENT, "no place for a staging directory")


def remove_directory(text: str) -> None:
    """Remove the empty directory that a runner left."""
    path = Path(text)
    if path.name.startswith("commandcenter-") and str(path.parent) in _PLACES:
        with suppress(OSError):
            path.rmdir()


@dataclass(slots=True)
class StagedMounts:
    """What was staged for one sandbox; `release` takes the mounts away."""

    paths: list[str] = field(default_factory=list)

    def release(self) -> None:
        for path in reversed(self.paths):
            _take_away(path)
        self.paths.clear()


class Stager:
    def __init__(
        self,
        directory: Path,
        make_namespace: Callable[[int, int, Identity], int] | None = None,
    ) -> None:
        """`make_namespace` returns a user namespace that maps a (uid, gid) to an identity."""
        self._directory = directory
        self._make_namespace = make_namespace or _mapping_namespace
        self._counter = 0
        self._namespaces: dict[tuple[int, int, Identity], int] = {}
        self._shared: dict[tuple[str, Identity | None], str] = {}

    def stage(
        self, source: str, identity: Identity, mounts: StagedMounts, *, writable: bool
    ) -> str:
        """Show `source` to the identity; the path to use. Raises `IsolationError`."""
        path = self._mount(source, identity, writable=writable)
        mounts.paths.append(path)
        return path

    def stage_shared(self, source: str, identity: Identity) -> str:
        """Show a read-only tree to many sandboxes, for as long as the runner lives."""
        world = os.stat(source).st_mode & _WORLD_READABLE == _WORLD_READABLE
        key = (source, None if world else identity)
        if key not in self._shared:
            self._shared[key] = self._mount(source, None if world else identity, writable=False)
        return self._shared[key]

    def _mount(self, source: str, identity: Identity | None, *, writable: bool) -> str:
        owner = os.stat(source)
        namespace = None
        if identity is not None and owner.st_uid != identity.uid:
            namespace = self._namespace(owner.st_uid, owner.st_gid, identity)
        try:
            fd = kernel.clone_mount(source)
        except OSError as error:
            raise IsolationError(f"{source} cannot be shown to the sandbox: {error}") from error
        try:
            self._set_attributes(fd, source, owner.st_mode, namespace, writable=writable)
            return self._attach(fd, directory=os.path.isdir(source))  # noqa: PTH112
        finally:
            os.close(fd)

    def _set_attributes(
        self, fd: int, source: str, mode: int, namespace: int | None, *, writable: bool
    ) -> None:
        try:
            kernel.set_mount_attributes(fd, read_only=not writable, user_namespace=namespace)
        except OSError as error:
            if namespace is None or error.errno not in _NOT_SUPPORTED:
                raise IsolationError(f"{source} cannot be shown to the sandbox: {error}") from error
            if writable or mode & _WORLD_READABLE != _WORLD_READABLE:
                raise IsolationError(
                    f"The file system of {source} does not support id-mapped mounts, which a hub "
                    "run as root needs to give an unprivileged sandbox access to it.",
                    hint="Run the hub as the ordinary user who owns this folder, or keep the "
                    "folder on ext4, xfs, btrfs or tmpfs (Linux 6.3 or newer).",
                ) from error
            kernel.set_mount_attributes(fd, read_only=True, user_namespace=None)

    def _attach(self, fd: int, *, directory: bool) -> str:
        self._counter += 1
        path = self._directory / str(self._counter)
        if directory:
            path.mkdir(mode=0o700)
        else:
            path.touch(mode=0o600)
        try:
            kernel.attach_mount(fd, str(path))
        except OSError as error:
            _take_away(str(path))
            raise IsolationError(f"A staged mount cannot be attached: {error}") from error
        return str(path)

    def _namespace(self, uid: int, gid: int, identity: Identity) -> int:
        key = (uid, gid, identity)
        if key not in self._namespaces:
            try:
                self._namespaces[key] = self._make_namespace(uid, gid, identity)
            except OSError as error:
                raise IsolationError(
                    f"A user namespace cannot be made: {error}",
                    hint="`commandcenter doctor` says what is missing.",
                ) from error
        return self._namespaces[key]


def stage_binds(
    stager: Stager, binds: tuple[Bind, ...], identity: Identity, mounts: StagedMounts
) -> dict[str, str]:
    """Where each bind's source is to be found by the identity, by target."""
    sources: dict[str, str] = {}
    staged: dict[str, str] = {}
    interpreter = own_interpreter().trees
    for bind in binds:
        if not bind.owned:
            continue
        above = next((real for real in staged if _under(real, bind.source)), None)
        if bind.source in interpreter and bind.source == bind.target:
            path = stager.stage_shared(bind.source, identity)
        elif above is not None and bind.source != above and bind.target.startswith("/workspace/"):
            path = staged[above] + bind.source[len(above) :]
        else:
            path = stager.stage(bind.source, identity, mounts, writable=bind.writable)
            if bind.target == "/workspace":
                staged[bind.source] = path
        sources[bind.target] = path
    return sources


def _take_away(path: str) -> None:
    with suppress(OSError):
        kernel.unmount(path)
    with suppress(OSError):
        if os.path.isdir(path):  # noqa: PTH112
            os.rmdir(path)  # noqa: PTH106
        else:
            os.unlink(path)  # noqa: PTH108


def _mapping_namespace(uid: int, gid: int, identity: Identity) -> int:
    """Make a user namespace that maps the on-disk owner to the identity; no process stays in it."""
    ready_read, ready_write = os.pipe2(os.O_CLOEXEC)
    done_read, done_write = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if pid == 0:
        try:
            kernel.die_with_parent()
            kernel.unshare(kernel.CLONE_NEWUSER)
            os.write(ready_write, b"1")
            os.close(done_write)
            os.read(done_read, 1)
        finally:
            os._exit(0)
    os.close(ready_write)
    os.close(done_read)
    try:
        if not os.read(ready_read, 1):
            raise OSError(errno.EPERM, "user namespaces are not allowed")
        Path(f"/proc/{pid}/setgroups").write_text("deny")
        Path(f"/proc/{pid}/uid_map").write_text(f"{uid} {identity.uid} 1")
        Path(f"/proc/{pid}/gid_map").write_text(f"{gid} {identity.gid} 1")
        return os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(ready_read)
        os.close(done_write)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _under(parent: str, path: str) -> bool:
    return path == parent or path.startswith(parent.rstrip("/") + "/")
