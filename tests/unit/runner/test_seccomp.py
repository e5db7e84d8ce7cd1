"""The filter, run by a small interpreter of classic BPF."""

import errno
import struct

import pytest

from commandcenter.runner import seccomp

ALLOW = 0x7FFF0000
KILL = 0x80000000
X86, ARM, I386 = 0xC000003E, 0xC00000B7, 0x40000003


def judge(machine: str, architecture: int, number: int, *arguments: int) -> int:
    """What the filter answers to one system call."""
    padded = [*arguments, *[0] * (6 - len(arguments))]
    data = struct.pack("=IIQ6Q", number, architecture, 0, *padded)
    program = [
        struct.unpack("=HBBI", seccomp.program(machine)[at : at + 8])
        for at in range(0, len(seccomp.program(machine)), 8)
    ]
    place, accumulator = 0, 0
    while True:
        code, yes, no, value = program[place]
        place += 1
        if code == 0x20:
            accumulator = struct.unpack_from("=I", data, value)[0]
        elif code == 0x15:
            place += yes if accumulator == value else no
        elif code == 0x35:
            place += yes if accumulator >= value else no
        elif code == 0x45:
            place += yes if accumulator & value else no
        elif code == 0x06:
            return int(value)
        else:
            raise AssertionError(code)


def refused(number: int) -> int:
    return 0x50000 | number


@pytest.mark.parametrize(
    ("machine", "architecture"), [("x86_64", X86), ("aarch64", ARM), ("arm64", ARM)]
)
def test_every_listed_call_is_refused_and_its_neighbours_are_not(
    machine: str, architecture: int
) -> None:
    calls = seccomp.refused_calls(machine)
    numbers = set(calls.values())
    assert len(numbers) == len(calls)
    for number in numbers:
        assert judge(machine, architecture, number) == refused(errno.EPERM)
    special = {435, 41, 56, 16} if machine == "x86_64" else {435, 198, 220, 29}
    for number in set(range(480)) - numbers - special:
        assert judge(machine, architecture, number) == ALLOW, number


def test_foreign_tables_end_the_process() -> None:
    assert judge("x86_64", I386, 0) == KILL
    assert judge("x86_64", ARM, 0) == KILL
    assert judge("aarch64", X86, 0) == KILL
    assert judge("x86_64", X86, 0x40000000 | 1) == KILL


@pytest.mark.parametrize(
    ("machine", "architecture", "socket"), [("x86_64", X86, 41), ("aarch64", ARM, 198)]
)
def test_sockets(machine: str, architecture: int, socket: int) -> None:
    for family in range(64):
        expected = ALLOW if family in (1, 2, 10, 16) else refused(errno.EAFNOSUPPORT)
        assert judge(machine, architecture, socket, family) == expected
    assert judge(machine, architecture, socket, 16, 3, 12) == refused(errno.EAFNOSUPPORT)
    assert judge(machine, architecture, socket, 40) == refused(errno.EAFNOSUPPORT)


@pytest.mark.parametrize(
    ("machine", "architecture", "clone"), [("x86_64", X86, 56), ("aarch64", ARM, 220)]
)
def test_clone_without_new_namespaces_only(machine: str, architecture: int, clone: int) -> None:
    assert judge(machine, architecture, clone, 0x3D0F00) == ALLOW  # a thread
    assert judge(machine, architecture, clone, 17) == ALLOW  # a fork
    for bit in (17, 25, 26, 27, 28, 29, 30):
        assert judge(machine, architecture, clone, 1 << bit | 17) == refused(errno.EPERM)
    assert judge(machine, architecture, 435) == refused(errno.ENOSYS)


@pytest.mark.parametrize(
    ("machine", "architecture", "ioctl"), [("x86_64", X86, 16), ("aarch64", ARM, 29)]
)
def test_terminal_injection(machine: str, architecture: int, ioctl: int) -> None:
    assert judge(machine, architecture, ioctl, 0, 0x5412) == refused(errno.EPERM)
    assert judge(machine, architecture, ioctl, 0, 0x541C) == refused(errno.EPERM)
    assert judge(machine, architecture, ioctl, 0, 0x1_0000_5412) == refused(errno.EPERM)
    assert judge(machine, architecture, ioctl, 0, 0x5413) == ALLOW


def test_an_unknown_machine_has_no_filter() -> None:
    with pytest.raises(seccomp.UnknownArchitectureError, match="riscv64"):
        seccomp.program("riscv64")
