"""The few kernel calls that Python has no function for."""

import ctypes
import os
import signal
import struct

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
CLONE_NEWIPC, CLONE_NEWUTS, CLONE_NEWPID = 0x08000000, 0x04000000, 0x20000000
CLONE_NEWCGROUP = 0x02000000
MS_REC = 0x4000
MS_PRIVATE = 1 << 18
MS_NOSUID, MS_NODEV, MS_NOEXEC = 2, 4, 8
MNT_DETACH = 2
TMPFS_MAGIC = 0x01021994

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_NAME = 15
_PR_SET_SECCOMP = 22
_PR_CAPBSET_READ, _PR_CAPBSET_DROP = 23, 24
_NS_GET_USERNS = 0xB701
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_MODE_FILTER = 2
_CAPABILITY_VERSION = 0x20080522
_BPF_INSTRUCTION_BYTES = 8
_AT_FDCWD = -100
_AT_EMPTY_PATH = 0x1000
_OPEN_TREE_CLONE = 1
_OPEN_TREE_CLOEXEC = os.O_CLOEXEC
_MOVE_MOUNT_F_EMPTY_PATH = 0x4
_SYS_OPEN_TREE, _SYS_MOVE_MOUNT, _SYS_MOUNT_SETATTR = 428, 429, 442
_SYS_OPENAT2 = 437
_RESOLVE_NO_SYMLINKS = 0x04
_OPEN_HOW = struct.Struct("=QQQ")
_MOUNT_ATTR_RDONLY, _MOUNT_ATTR_NOSUID, _MOUNT_ATTR_NODEV = 0x1, 0x2, 0x4
_MOUNT_ATTR_IDMAP = 0x00100000
_MOUNT_ATTR = struct.Struct("=QQQQ")

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def die_with_parent() -> None:
    """SIGKILL for this process when the thread that forked it ends."""
    _checked(_libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "prctl")


def forbid_new_privileges() -> None:
    """No program started from here can have more rights (set-user-id, file capabilities)."""
    _checked(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")


def become_subreaper() -> None:
    """Orphans among the descendants become this process's children, which it then reaps."""
    _checked(_libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl")


def set_process_name(name: str) -> None:
    _libc.prctl(_PR_SET_NAME, name.encode()[:15], 0, 0, 0)


def unshare(flags: int) -> None:
    _checked(_libc.unshare(flags), "unshare")


def enter_mount_namespace(fd: int) -> None:
    """Enter the mount namespace that `fd` stands for; nothing if this process is in it."""
    if not os.path.samestat(os.fstat(fd), os.stat("/proc/self/ns/mnt")):
        _checked(_libc.setns(fd, CLONE_NEWNS), "setns")


def enter_namespace(fd: int, kind: int) -> None:
    """Be in the namespace that `fd` stands for; `kind` is the CLONE_NEW... flag it must match."""
    _checked(_libc.setns(fd, kind), "setns")


def set_dumpable(*, on: bool) -> None:
    """Whether processes of the same user may look into this one, and it into its own /proc."""
    _checked(_libc.prctl(_PR_SET_DUMPABLE, int(on), 0, 0, 0), "prctl")


def namespace_owner(fd: int) -> int:
    """A descriptor of the user namespace that owns the namespace `fd` stands for."""
    return _checked(_libc.ioctl(fd, _NS_GET_USERNS), "NS_GET_USERNS")


def drop_bounding_capabilities() -> None:
    """Let no program started from here get a capability, whatever its file says."""
    capability = 0
    while _libc.prctl(_PR_CAPBSET_READ, capability, 0, 0, 0) >= 0:
        _checked(_libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0), "prctl")
        capability += 1


def drop_capabilities() -> None:
    """Give up all capabilities in the present user namespace."""
    header = struct.pack("=Ii", _CAPABILITY_VERSION, 0)
    _checked(_libc.capset(header, bytes(24)), "capset")


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]


def filter_system_calls(instructions: bytes) -> None:
    """Install a seccomp filter for the rest of this process's life; no new privileges is set."""
    forbid_new_privileges()
    program = _Program(len(instructions) // _BPF_INSTRUCTION_BYTES, instructions)
    _checked(
        _libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0), "seccomp"
    )


def mount(source: str, target: str, kind: str | None, flags: int, options: str = "") -> None:
    _checked(
        _libc.mount(
            source.encode(),
            target.encode(),
            kind.encode() if kind else None,
            ctypes.c_ulong(flags),
            options.encode(),
        ),
        f"mount on {target}",
    )


def unmount(target: str, flags: int = MNT_DETACH) -> None:
    _checked(_libc.umount2(target.encode(), flags), f"umount {target}")


def clone_mount(source: str) -> int:
    """A detached copy of the mount that shows `source` (without mounts below it)."""
    return _checked(
        _libc.syscall(
            _SYS_OPEN_TREE, _AT_FDCWD, source.encode(), _OPEN_TREE_CLONE | _OPEN_TREE_CLOEXEC
        ),
        f"open_tree {source}",
    )


def set_mount_attributes(fd: int, *, read_only: bool, user_namespace: int | None) -> None:
    """Make a detached mount nosuid and nodev, read-only and id-mapped as asked."""
    attributes = _MOUNT_ATTR_NOSUID | _MOUNT_ATTR_NODEV
    if read_only:
        attributes |= _MOUNT_ATTR_RDONLY
    if user_namespace is not None:
        attributes |= _MOUNT_ATTR_IDMAP
    structure = _MOUNT_ATTR.pack(attributes, 0, 0, user_namespace or 0)
    _checked(
        _libc.syscall(
            _SYS_MOUNT_SETATTR, fd, b"", _AT_EMPTY_PATH, structure, ctypes.c_size_t(len(structure))
        ),
        "mount_setattr",
    )


def open_without_links(path: str) -> int:
    """A descriptor of what lies at `path`, where no part of it may be a symbolic link."""
    how = _OPEN_HOW.pack(os.O_PATH | os.O_CLOEXEC, 0, _RESOLVE_NO_SYMLINKS)
    return _checked(
        _libc.syscall(_SYS_OPENAT2, _AT_FDCWD, path.encode(), how, ctypes.c_size_t(len(how))),
        f"openat2 {path}",
    )


def attach_mount(fd: int, target: str) -> None:
    _checked(
        _libc.syscall(
            _SYS_MOVE_MOUNT, fd, b"", _AT_FDCWD, target.encode(), _MOVE_MOUNT_F_EMPTY_PATH
        ),
        f"move_mount {target}",
    )


class _StatFs(ctypes.Structure):
    # Large enough on every 64-bit Linux; only the first word, the type, is read.
    _fields_ = [("type", ctypes.c_long), ("rest", ctypes.c_long * 31)]


def filesystem_type(fd: int) -> int:
    structure = _StatFs()
    _checked(_libc.fstatfs(fd, ctypes.byref(structure)), "fstatfs")
    return int(structure.type)


def memory_file(name: str, data: bytes) -> int:
    """A descriptor to read `data` from, with no name on any disk."""
    fd = os.memfd_create(name, os.MFD_CLOEXEC)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]
        os.lseek(fd, 0, os.SEEK_SET)
    except BaseException:
        os.close(fd)
        raise
    return fd
