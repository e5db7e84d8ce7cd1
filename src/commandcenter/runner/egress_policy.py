"""Which destinations a sandbox may reach: exact hosts and ports, checked by name and by address."""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

from commandcenter.runner.errors import BadRequestError

_NAME = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*"
)
_MAX_PORT = 65535
_MAX_ENTRIES = 256

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Destination:
    host: str  # lower case, without a final dot; addresses in their normal form
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class EgressRefusedError(Exception):
    """The destination is not one that was allowed; the text says why."""


def parse_destination(text: str, *, default_port: int | None = None) -> Destination:
    """Read `host:port` or `[address]:port`. Raises ValueError."""
    host, separator, port = text.rpartition(":")
    if text.startswith("[") and text.endswith("]"):
        host, separator, port = text, "", ""
    elif not separator:
        host, port = text, ""
    if not port and default_port is not None:
        port = str(default_port)
    if not (port.isascii() and port.isdigit() and 0 < int(port) <= _MAX_PORT):
        raise ValueError(f"{text!r} has no valid port")
    return Destination(_normal_host(host, text), int(port))


def _normal_host(host: str, text: str) -> str:
    if host.startswith("[") and host.endswith("]"):
        return str(ipaddress.IPv6Address(host[1:-1]))
    if literal := literal_address(host):
        return str(literal)
    name = host.lower().removesuffix(".")
    if not name.isascii():
        name = name.encode("idna").decode("ascii")
    # A name whose last label is a number is an address in disguise (0x7f.1, 2130706433).
    if not _NAME.fullmatch(name) or re.fullmatch(r"[0-9]+|0x[0-9a-f]*", name.rpartition(".")[2]):
        raise ValueError(f"{text!r} has no valid host name")
    return name


def literal_address(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class EgressPolicy:
    allowed: frozenset[Destination]

    @classmethod
    def parse(cls, entries: Iterable[str]) -> "EgressPolicy":
        """Raises `BadRequestError` naming the entry that is not `host:port`."""
        allowed = set()
        for entry in entries:
            try:
                allowed.add(parse_destination(entry))
            except ValueError as error:
                raise BadRequestError(
                    f"The network allow-list has an entry that cannot be used: {error}.",
                    hint="Write each as `host:port`, for instance `api.example.org:443`.",
                ) from error
        if len(allowed) > _MAX_ENTRIES:
            raise BadRequestError(f"The network allow-list has more than {_MAX_ENTRIES} entries.")
        return cls(frozenset(allowed))

    def check_name(self, destination: Destination) -> None:
        if destination not in self.allowed:
            raise EgressRefusedError(f"{destination} is not on the agent's allow-list")


def check_address(destination: Destination, address: Address) -> None:
    """Refuse addresses that no name may lead to.

    A name must resolve to a public address. An address that was itself written on the list is
    what the operator meant, except where the cloud keeps its credentials (link-local).
    """
    mapped = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None)
    real: Address = mapped or address
    if real.is_link_local or real.is_multicast or real.is_unspecified or real.is_reserved:
        raise EgressRefusedError(f"{destination} is at {address}, which is never reachable")
    if literal_address(destination.host) is None and not real.is_global:
        raise EgressRefusedError(f"{destination} resolves to {address}, which is not public")
