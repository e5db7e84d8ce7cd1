"""What a long-running service needs beyond an attempt's usual description, as data."""

import re
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any

from commandcenter.runner.errors import BadRequestError

NETWORK_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,100}")
HOST_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9_])?")
_RESERVED_NAMES = {"localhost", "ip6-localhost", "host.docker.internal"}
_MAX_PORT = 65_535
_MAX_ENTRIES = 128
_FIRST_ID, _LAST_ID = 1, 60_000
_MIN_TMPFS_BYTES = 4096
# Where a mount would undo what isolates the service, or hide what it needs to start.
_KERNEL_PLACES = ("/proc", "/sys", "/dev", "/run/secrets")
_OWN_PLACES = (*_KERNEL_PLACES, "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc")


@dataclass(frozen=True, slots=True)
class Port:
    """A port of the host that leads to one of the service's."""

    host: str
    host_port: int
    port: int


@dataclass(frozen=True, slots=True)
class Volume:
    """A directory of the host, made if it is absent, or an existing file."""

    source: str
    target: str
    writable: bool


@dataclass(frozen=True, slots=True)
class ServiceRequest:
    network: str
    names: tuple[str, ...]
    ports: tuple[Port, ...] = ()
    volumes: tuple[Volume, ...] = ()
    programs: tuple[str, ...] = ()  # directories shown read-only where they are
    tmpfs: tuple[tuple[str, int], ...] = ()  # path inside, bytes
    uid: int = 1000
    gid: int = 1000
    directory: str = "/"
    stop_signal: int = signal.SIGTERM
    shm_bytes: int = 64 * 1024**2

    @classmethod
    def from_wire(cls, fields: Mapping[str, Any]) -> "ServiceRequest":
        values = dict(fields)
        values["names"] = tuple(values["names"])
        values["programs"] = tuple(values["programs"])
        values["ports"] = tuple(Port(**port) for port in values["ports"])
        values["volumes"] = tuple(Volume(**volume) for volume in values["volumes"])
        values["tmpfs"] = tuple((str(path), int(size)) for path, size in values["tmpfs"])
        return cls(**values)

    def check(self, *, has_image: bool = False) -> None:
        """Raise `BadRequestError` for what could never be run.

        What an image brings may be covered by a mount; the machine's own system may not.
        """
        if not NETWORK_NAME.fullmatch(self.network):
            raise BadRequestError(f"{self.network!r} cannot be the name of a network.")
        if not self.names:
            raise BadRequestError("A service needs a name in its network.")
        for name in self.names:
            if not HOST_NAME.fullmatch(name) or name.lower() in _RESERVED_NAMES:
                raise BadRequestError(f"{name!r} cannot be the host name of a service.")
        for many in (self.names, self.ports, self.volumes, self.tmpfs):
            if len(many) > _MAX_ENTRIES:
                raise BadRequestError(f"A service has more than {_MAX_ENTRIES} of one kind.")
        for number in (self.uid, self.gid):
            if not _FIRST_ID <= number <= _LAST_ID:
                raise BadRequestError(
                    f"A service cannot run as user or group {number}.",
                    hint=f"No service runs as root; use an id from {_FIRST_ID} to {_LAST_ID}.",
                )
        self._check_ports()
        self._check_places(_KERNEL_PLACES if has_image else _OWN_PLACES)
        if self.stop_signal not in set(signal.Signals):
            raise BadRequestError(f"{self.stop_signal} is not a signal.")

    def _check_ports(self) -> None:
        for port in self.ports:
            for number in (port.host_port, port.port):
                if not 0 < number <= _MAX_PORT:
                    raise BadRequestError(f"{number} is not a port.")
            try:
                IPv4Address(port.host)
            except ValueError:
                raise BadRequestError(f"{port.host!r} is not an IPv4 address.") from None

    def _check_places(self, own_places: tuple[str, ...]) -> None:
        seen: set[str] = set()
        places = [volume.target for volume in self.volumes] + [path for path, _ in self.tmpfs]
        for place in (*places, self.directory):
            if not _is_plain(place):
                raise BadRequestError(f"{place!r} is not an absolute path in its normal form.")
        for place in places:
            if place == "/" or any(_under(own, place) for own in own_places):
                raise BadRequestError(f"Nothing can be mounted at {place} in a service.")
            if place in seen:
                raise BadRequestError(f"Two things are to be mounted at {place}.")
            seen.add(place)
        for path, size in self.tmpfs:
            if size < _MIN_TMPFS_BYTES:
                raise BadRequestError(f"{size} bytes are too few for a tmpfs at {path}.")


def _is_plain(path: str) -> bool:
    parts = path.split("/")
    clean = all(part not in ("", ".", "..") for part in parts[1:]) or path == "/"
    return path.startswith("/") and clean and "\0" not in path


def _under(parent: str, path: str) -> bool:
    return path == parent or path.startswith(parent + "/")
