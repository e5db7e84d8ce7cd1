"""The namespaces of a project's private network: how processes make and enter them.

One user namespace per project owns a network namespace that is its switch: a bridge, to which
every service's own network namespace is connected by a cable. So each service has a loopback and
ports of its own, as in a container, the services of one project reach each other, and nothing
connects one project's switch with another's or with the host.

Everything here runs in forked children of the runner, between fork and what they become.
"""

import errno
import os
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from commandcenter.runner import kernel
from commandcenter.runner.netlink import Routes
from commandcenter.runner.spawn import Identity

INSIDE_ID = 1000  # the only user of the project's namespace; not 0, so that exec drops capabilities
SWITCH = "switch"
SWITCH_NUMBER = 1
MOST_NUMBERS = 65_000
_BASE = int(IPv4Address("10.77.0.0"))
_PREFIX = 16
_MTU = 65_520  # nothing is sent over a wire


@dataclass(frozen=True, slots=True)
class Namespaces:
    """Descriptors that keep a network alive; whoever has them may join."""

    user: int
    network: int

    def close(self) -> None:
        os.close(self.user)
        os.close(self.network)


def address(number: int) -> IPv4Address:
    """The address of a member; the same for as long as its name is known."""
    return IPv4Address(_BASE + number)


def give_up_identity(identity: Identity | None) -> None:
    if identity is not None:
        os.setgroups([])
        os.setresgid(identity.gid, identity.gid, identity.gid)
        os.setresuid(identity.uid, identity.uid, identity.uid)


def create() -> Namespaces:
    """Make the project's namespaces and its switch; this process is in them afterwards."""
    uid, gid = os.geteuid(), os.getegid()
    kernel.set_dumpable(on=True)  # a changed identity hides /proc/self from the process itself
    kernel.unshare(kernel.CLONE_NEWUSER)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{INSIDE_ID} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{INSIDE_ID} {gid} 1")
    kernel.unshare(kernel.CLONE_NEWNET)
    made = Namespaces(
        os.open("/proc/self/ns/user", os.O_RDONLY | os.O_CLOEXEC),
        os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC),
    )
    kernel.set_dumpable(on=False)
    with Routes() as routes:
        routes.set_up("lo")
        routes.add_bridge(SWITCH, mtu=_MTU)
        routes.set_up(SWITCH)
        routes.add_address(SWITCH, address(SWITCH_NUMBER), _PREFIX)
    return made


def enter(namespaces: Namespaces) -> None:
    """Be at the switch itself."""
    kernel.enter_namespace(namespaces.user, kernel.CLONE_NEWUSER)
    kernel.enter_namespace(namespaces.network, kernel.CLONE_NEWNET)


def join(namespaces: Namespaces, number: int, *, inside: bool = False) -> None:
    """Give this process a network namespace of its own, connected to the switch as `number`.

    A cable of the same number that an ended service left is removed first: the kernel takes a
    moment to clean up after the last process of a namespace.
    """
    if not inside:
        enter(namespaces)
    name = f"s{number}"
    with Routes() as routes:
        master = socket.if_nametoindex(SWITCH)
        with suppress(OSError):
            routes.delete(name)
        kernel.unshare(kernel.CLONE_NEWNET)
        mac = b"\x02\xcc" + address(number).packed  # the same again, for the others' tables
        routes.add_pair(name, "eth0", master=master, peer_process=os.getpid(), mac=mac, mtu=_MTU)
    with Routes() as own:
        own.set_up("lo")
        own.add_address("eth0", address(number), _PREFIX)
        own.set_up("eth0")


def main() -> None:
    """Try it, for `commandcenter doctor`: make a switch and join it, in processes that end.

    `network_namespaces.py UID` does so as that host user, if this is root. Raises OSError.
    """
    if os.geteuid() == 0:
        give_up_identity(Identity(int(sys.argv[1]), int(sys.argv[1])))
    join(create(), SWITCH_NUMBER + 1, inside=True)


def explain(number: int | None) -> str:
    """What to do about a network that cannot be made."""
    if number in (errno.EOPNOTSUPP, errno.ENODEV):
        return (
            "This kernel has no bridge or veth devices; load them once as root with "
            "`modprobe -a bridge veth`."
        )
    return "`commandcenter doctor` says what is missing."
