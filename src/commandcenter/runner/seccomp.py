"""The system call filter of every sandbox, as a classic BPF program built here.

It refuses what reaches the kernel's wide or privileged surface and is never needed by an agent:
new namespaces and mounts, tracing, kernel modules and programs, io_uring, sockets other than Unix,
IP and route netlink, terminal injection, clocks, keys, file handles. Everything else is allowed;
a foreign system call table (32 bit, x32) ends the process.
"""

import errno
import platform
import struct
from dataclasses import dataclass, field

_INSTRUCTION = struct.Struct("=HBBI")
_LOAD = 0x20  # BPF_LD | BPF_W | BPF_ABS
_JUMP_EQUAL = 0x15
_JUMP_GREATER_EQUAL = 0x35
_JUMP_SET = 0x45
_RETURN = 0x06
_ALLOW = 0x7FFF0000
_KILL_PROCESS = 0x80000000
_ERRNO = 0x00050000
_OFFSET_NUMBER = 0
_OFFSET_ARCHITECTURE = 4
_OFFSET_ARGUMENTS = 16  # 8 bytes each, the low half first on little-endian machines

_X32_BIT = 0x40000000
_NAMESPACE_FLAGS = 0x7E020000  # NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
_TERMINAL_INJECTION = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX
_AF_UNIX, _AF_INET, _AF_INET6, _AF_NETLINK = 1, 2, 10, 16

# The same numbers on every architecture.
_RECENT = {
    "io_uring_setup": 425,
    "io_uring_enter": 426,
    "io_uring_register": 427,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "fspick": 433,
    "pidfd_getfd": 438,
    "process_madvise": 440,
    "mount_setattr": 442,
    "quotactl_fd": 443,
    "memfd_secret": 447,
    "process_mrelease": 448,
    "set_mempolicy_home_node": 450,
    "statmount": 457,
    "listmount": 458,
    "lsm_set_self_attr": 460,
    "open_tree_attr": 467,
    "file_setattr": 469,
}
_CLONE3 = 435


@dataclass(frozen=True, slots=True)
class _Architecture:
    audit: int
    socket: int
    clone: int
    ioctl: int
    refused: dict[str, int] = field(default_factory=dict)
    has_x32: bool = False


_X86_64 = _Architecture(
    audit=0xC000003E,
    socket=41,
    clone=56,
    ioctl=16,
    has_x32=True,
    refused={
        "ptrace": 101, "syslog": 103, "uselib": 134, "ustat": 136, "sysfs": 139, "vhangup": 153,
        "modify_ldt": 154, "pivot_root": 155, "_sysctl": 156, "adjtimex": 159, "chroot": 161,
        "acct": 163, "settimeofday": 164, "mount": 165, "umount2": 166, "swapon": 167,
        "swapoff": 168, "reboot": 169, "sethostname": 170, "setdomainname": 171, "iopl": 172,
        "ioperm": 173, "create_module": 174, "init_module": 175, "delete_module": 176,
        "get_kernel_syms": 177, "query_module": 178, "quotactl": 179, "nfsservctl": 180,
        "lookup_dcookie": 212, "clock_settime": 227, "mbind": 237, "set_mempolicy": 238,
        "kexec_load": 246, "add_key": 248, "request_key": 249, "keyctl": 250,
        "migrate_pages": 256, "unshare": 272, "move_pages": 279, "perf_event_open": 298,
        "fanotify_init": 300, "name_to_handle_at": 303, "open_by_handle_at": 304,
        "clock_adjtime": 305, "setns": 308, "process_vm_readv": 310, "process_vm_writev": 311,
        "kcmp": 312, "finit_module": 313, "kexec_file_load": 320, "bpf": 321, "userfaultfd": 323,
    },
)  # fmt: skip

_AARCH64 = _Architecture(
    audit=0xC00000B7,
    socket=198,
    clone=220,
    ioctl=29,
    refused={
        "lookup_dcookie": 18, "umount2": 39, "mount": 40, "pivot_root": 41, "nfsservctl": 42,
        "chroot": 51, "vhangup": 58, "quotactl": 60, "acct": 89, "unshare": 97,
        "kexec_load": 104, "init_module": 105, "delete_module": 106, "clock_settime": 112,
        "syslog": 116, "ptrace": 117, "reboot": 142, "sethostname": 161, "setdomainname": 162,
        "settimeofday": 170, "adjtimex": 171, "add_key": 217, "request_key": 218, "keyctl": 219,
        "swapon": 224, "swapoff": 225, "mbind": 235, "set_mempolicy": 237, "migrate_pages": 238,
        "move_pages": 239, "perf_event_open": 241, "fanotify_init": 262,
        "name_to_handle_at": 264, "open_by_handle_at": 265, "clock_adjtime": 266, "setns": 268,
        "process_vm_readv": 270, "process_vm_writev": 271, "kcmp": 272, "finit_module": 273,
        "bpf": 280, "userfaultfd": 282, "kexec_file_load": 294,
    },
)  # fmt: skip

_ARCHITECTURES = {"x86_64": _X86_64, "aarch64": _AARCH64, "arm64": _AARCH64}


class UnknownArchitectureError(Exception):
    """There is no system call table for this machine."""


def refused_calls(machine: str | None = None) -> dict[str, int]:
    """Names and numbers of the calls that are refused whatever their arguments."""
    return {**_architecture(machine).refused, **_RECENT}


def program(machine: str | None = None) -> bytes:
    """The filter as an array of `struct sock_filter`, for `machine` (this one by default)."""
    arch = _architecture(machine)
    code = [
        (_LOAD, 0, 0, _OFFSET_ARCHITECTURE),
        (_JUMP_EQUAL, 1, 0, arch.audit),
        (_RETURN, 0, 0, _KILL_PROCESS),
        (_LOAD, 0, 0, _OFFSET_NUMBER),
    ]
    if arch.has_x32:
        code += [(_JUMP_GREATER_EQUAL, 0, 1, _X32_BIT), (_RETURN, 0, 0, _KILL_PROCESS)]
    # Without clone3 the C library falls back to clone, whose flags can be looked at.
    code += _when(_CLONE3, [(_RETURN, 0, 0, _ERRNO | errno.ENOSYS)])
    code += _when(arch.socket, _socket_rule())
    code += _when(
        arch.clone,
        [
            (_LOAD, 0, 0, _OFFSET_ARGUMENTS),
            (_JUMP_SET, 0, 1, _NAMESPACE_FLAGS),
            (_RETURN, 0, 0, _ERRNO | errno.EPERM),
            (_RETURN, 0, 0, _ALLOW),
        ],
    )
    code += _when(
        arch.ioctl,
        [
            (_LOAD, 0, 0, _OFFSET_ARGUMENTS + 8),
            *(
                (_JUMP_EQUAL, 2 - index, 0, value)
                for index, value in enumerate(_TERMINAL_INJECTION)
            ),
            (_RETURN, 0, 0, _ALLOW),
            (_RETURN, 0, 0, _ERRNO | errno.EPERM),
        ],
    )
    numbers = sorted({**arch.refused, **_RECENT}.values())
    count = len(numbers)
    code += [(_JUMP_EQUAL, count - index, 0, number) for index, number in enumerate(numbers)]
    code += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _ERRNO | errno.EPERM)]
    return b"".join(_INSTRUCTION.pack(*instruction) for instruction in code)


def _socket_rule() -> list[tuple[int, int, int, int]]:
    refuse = (_RETURN, 0, 0, _ERRNO | errno.EAFNOSUPPORT)
    allow = (_RETURN, 0, 0, _ALLOW)
    return [
        (_LOAD, 0, 0, _OFFSET_ARGUMENTS),
        (_JUMP_EQUAL, 6, 0, _AF_UNIX),
        (_JUMP_EQUAL, 5, 0, _AF_INET),
        (_JUMP_EQUAL, 4, 0, _AF_INET6),
        (_JUMP_EQUAL, 0, 2, _AF_NETLINK),
        (_LOAD, 0, 0, _OFFSET_ARGUMENTS + 16),  # the protocol: routes (interface lists) only
        (_JUMP_EQUAL, 1, 0, 0),
        refuse,
        allow,
    ]


def _when(number: int, body: list[tuple[int, int, int, int]]) -> list[tuple[int, int, int, int]]:
    """Run `body` (which always returns) for one system call, else go on behind it."""
    return [(_JUMP_EQUAL, 0, len(body), number), *body]


def _architecture(machine: str | None) -> _Architecture:
    name = machine or platform.machine()
    try:
        return _ARCHITECTURES[name]
    except KeyError:
        raise UnknownArchitectureError(name) from None
