"""The few rtnetlink requests that a private network needs; the kernel's answers are checked.

A socket of this kind belongs to the network namespace it was made in, whatever the process enters
later: that is how one process speaks to two of them.
"""

import os
import socket
import struct
from ipaddress import IPv4Address
from types import TracebackType
from typing import Self

_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, sender
_LINK = struct.Struct("=BxHiII")  # family, type, index, flags, change mask
_ADDRESS = struct.Struct("=BBBBI")  # family, prefix, flags, scope, index
_ATTRIBUTE = struct.Struct("=HH")
_NEW_LINK, _DELETE_LINK, _NEW_ADDRESS = 16, 17, 20
_ERROR = 2
_REQUEST, _ACKNOWLEDGE, _EXCLUSIVE, _CREATE = 0x1, 0x4, 0x200, 0x400
_UP = 0x1
_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_MTU, _IFLA_MASTER = 1, 3, 4, 10
_IFLA_LINKINFO, _IFLA_NET_NS_PID = 18, 19
_INFO_KIND, _INFO_DATA = 1, 2
_PEER = 1  # VETH_INFO_PEER
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_MAX_ANSWER_BYTES = 64 * 1024


class Routes:
    """Links and addresses of the network namespace the process is in now. Raises OSError."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
        self._socket.bind((0, 0))
        self._number = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()

    def add_bridge(self, name: str, *, mtu: int) -> None:
        body = _link() + _name(name) + _number(_IFLA_MTU, mtu)
        body += _attribute(_IFLA_LINKINFO, _attribute(_INFO_KIND, b"bridge"))
        self._ask(_NEW_LINK, body, _CREATE | _EXCLUSIVE, f"a bridge {name} cannot be made")

    def add_pair(
        self, name: str, peer: str, *, master: int, peer_process: int, mac: bytes, mtu: int
    ) -> None:
        """Make a cable: `name` here, plugged into the bridge, `peer` where `peer_process` is."""
        other = _link() + _name(peer) + _attribute(_IFLA_ADDRESS, mac)
        other += _number(_IFLA_MTU, mtu) + _number(_IFLA_NET_NS_PID, peer_process)
        info = _attribute(_INFO_KIND, b"veth")
        info += _attribute(_INFO_DATA, _attribute(_PEER, other))
        body = _link(up=True) + _name(name) + _number(_IFLA_MTU, mtu)
        body += _number(_IFLA_MASTER, master) + _attribute(_IFLA_LINKINFO, info)
        self._ask(_NEW_LINK, body, _CREATE | _EXCLUSIVE, f"a link {name} cannot be made")

    def set_up(self, name: str) -> None:
        index = socket.if_nametoindex(name)
        self._ask(_NEW_LINK, _link(index, up=True), 0, f"{name} cannot be set up")

    def add_address(self, name: str, address: IPv4Address, prefix: int) -> None:
        index = socket.if_nametoindex(name)
        body = _ADDRESS.pack(socket.AF_INET, prefix, 0, 0, index)
        body += _attribute(_IFA_LOCAL, address.packed) + _attribute(_IFA_ADDRESS, address.packed)
        self._ask(_NEW_ADDRESS, body, _CREATE | _EXCLUSIVE, f"{name} cannot have {address}")

    def delete(self, name: str) -> None:
        """Remove a link and the other end of its cable. Raises OSError, ENODEV if absent."""
        self._ask(_DELETE_LINK, _link() + _name(name), 0, f"{name} cannot be removed")

    def _ask(self, kind: int, body: bytes, flags: int, what: str) -> None:
        self._number += 1
        length = _HEADER.size + len(body)
        flags |= _REQUEST | _ACKNOWLEDGE
        self._socket.send(_HEADER.pack(length, kind, flags, self._number, 0) + body)
        answer = self._socket.recv(_MAX_ANSWER_BYTES)
        _, kind, _, number, _ = _HEADER.unpack_from(answer)
        if kind != _ERROR or number != self._number:
            raise OSError(0, f"{what}: an unexpected answer of the kernel's")
        (code,) = struct.unpack_from("=i", answer, _HEADER.size)
        if code:
            raise OSError(-code, f"{what}: {os.strerror(-code)}")


def _link(index: int = 0, *, up: bool = False) -> bytes:
    flags = _UP if up else 0
    return _LINK.pack(socket.AF_UNSPEC, 0, index, flags, flags)


def _attribute(kind: int, data: bytes) -> bytes:
    length = _ATTRIBUTE.size + len(data)
    return _ATTRIBUTE.pack(length, kind) + data + b"\0" * (-length % 4)


def _name(name: str) -> bytes:
    return _attribute(_IFLA_IFNAME, name.encode() + b"\0")


def _number(kind: int, value: int) -> bytes:
    return _attribute(kind, struct.pack("=I", value))
