"""The private networks of a data directory: which there are, who is in them, what they remember.

A network's members keep their addresses, and (for a hub run as root) its services their host user,
in a file per network, so that data and connections fit after a restart. Other than that a network
is only in the kernel: it is made when its first service starts.
"""

import contextlib
import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from commandcenter.runner.errors import BadRequestError, PortTakenError, ServiceConflictError
from commandcenter.runner.identities import PROXY_ID
from commandcenter.runner.network import Network
from commandcenter.runner.network_namespaces import MOST_NUMBERS, SWITCH_NUMBER, address, join
from commandcenter.runner.paths import RunnerPaths
from commandcenter.runner.service import NETWORK_NAME, Port, ServiceRequest
from commandcenter.runner.spawn import Identity

FIRST_ID = PROXY_ID + 1  # of the host users of networks' services
LAST_ID = 1_999_999_999
_LOCAL = "127.0.0.1 localhost\n::1 localhost ip6-localhost\n"


@dataclass(slots=True)
class Member:
    """A service's place in its network, until `leave`."""

    network: Network
    name: str
    number: int
    hosts_file: str
    neighbours: tuple[str, ...]  # all names in the network, as far as they are known
    members: dict[str, "Member"]
    ports: tuple[Port, ...] = ()
    publications: list[int] = field(default_factory=list)

    @property
    def identity(self) -> Identity | None:
        return self.network.identity

    def enter(self) -> None:
        """In the child that becomes the service: be connected to the network. Raises OSError."""
        if self.network.namespaces is None:
            raise OSError(0, "the network is gone")
        join(self.network.namespaces, self.number)

    def leave(self) -> None:
        """Give up the name and the host's ports. Idempotent."""
        for publication in self.publications:
            self.network.withdraw(publication)
        self.publications.clear()
        if self.members.get(self.name) is self:
            del self.members[self.name]


@dataclass(slots=True)
class _Known:
    network: Network
    numbers: dict[str, int]  # of members, by each of their names
    members: dict[str, Member] = field(default_factory=dict)


class Networks:
    def __init__(self, paths: RunnerPaths, seccomp: bytes) -> None:
        self._paths = paths
        self._seccomp = seccomp
        self._known: dict[str, _Known] = {}

    async def admit(self, service: ServiceRequest) -> Member:
        """Make a place for a service: its address, its names, its ports of the host.

        Raises `ServiceConflictError` when a service of this name is there, `PortTakenError`, and
        `IsolationError` when the network cannot be made.
        """
        known = self._find(service.network)
        name = service.names[0]
        if name in known.members:
            raise ServiceConflictError(
                f"A service {name} runs already in the network {service.network}.",
                hint="Stop it before another one takes its place.",
            )
        number = self._number(known, service)
        member = Member(
            network=known.network,
            name=name,
            number=number,
            hosts_file=str(self._paths.hosts(service.network)),
            neighbours=tuple(known.numbers),
            members=known.members,
            ports=service.ports,
        )
        self._refuse_taken(service)
        known.members[name] = member
        try:
            for port in service.ports:
                member.publications.append(
                    known.network.publish(port.host, port.host_port, number, port.port)
                )
            await known.network.open()
        except BaseException:
            member.leave()
            raise
        return member

    def remove(self, name: str) -> None:
        """Forget a network. Idempotent; raises `ServiceConflictError` while a service is in it."""
        if not NETWORK_NAME.fullmatch(name):
            raise BadRequestError(f"{name!r} is not the name of a network.")
        known = self._known.get(name)
        if known is not None:
            if known.members:
                raise ServiceConflictError(
                    f"The network {name} still has the services {', '.join(known.members)}.",
                    hint="Stop them first.",
                )
            known.network.close()
            del self._known[name]
        for place in (self._paths.network, self._paths.hosts, self._paths.gate):
            place(name).unlink(missing_ok=True)

    def close(self) -> None:
        for known in self._known.values():
            known.network.close()
        self._known.clear()

    def _refuse_taken(self, service: ServiceRequest) -> None:
        """Name the service that has a port, where it is one of this runner's."""
        wanted = {(port.host, port.host_port) for port in service.ports}
        for network, known in self._known.items():
            for name, member in known.members.items():
                for port in member.ports:
                    if (port.host, port.host_port) in wanted:
                        raise PortTakenError(
                            f"Port {port.host_port} of {port.host} is taken by the service {name} "
                            f"of {network}.",
                            hint="Stop that service or choose another port.",
                            fields={"host": port.host, "port": port.host_port},
                        )

    def _find(self, name: str) -> _Known:
        known = self._known.get(name)
        if known is None:
            self._paths.networks.mkdir(mode=0o700, parents=True, exist_ok=True)
            noted = self._read(name)
            identity = None
            if os.geteuid() == 0:
                uid = noted.get("uid") or self._new_id()
                identity = Identity(uid, uid)
            network = Network(name, identity, self._seccomp, gate=self._paths.gate(name))
            known = _Known(network, noted.get("numbers", {}))
            self._known[name] = known
            self._write(known)
        return known

    def _number(self, known: _Known, service: ServiceRequest) -> int:
        """The member's number; a name keeps it for as long as the network is known."""
        numbers = known.numbers
        number = numbers.get(service.names[0])
        if number is None:
            used = set(numbers.values())
            number = next(n for n in range(SWITCH_NUMBER + 1, MOST_NUMBERS) if n not in used)
        wanted = dict.fromkeys(service.names, number)
        if {**numbers, **wanted} != numbers:
            numbers.update(wanted)
            self._write(known)
        return number

    def _read(self, name: str) -> dict[str, Any]:
        with contextlib.suppress(FileNotFoundError, ValueError):
            return dict(json.loads(self._paths.network(name).read_text()))
        return {}

    def _write(self, known: _Known) -> None:
        name = known.network.name
        identity = known.network.identity
        noted = {"uid": identity.uid if identity else None, "numbers": known.numbers}
        path = self._paths.network(name)
        temporary = path.with_suffix(".new")
        temporary.write_text(json.dumps(noted))
        temporary.replace(path)
        lines = [f"{address(number)} {member}\n" for member, number in known.numbers.items()]
        _rewrite(self._paths.hosts(name), _LOCAL + "".join(lines), identity)

    def _new_id(self) -> int:
        used = {self._read(path.stem).get("uid") for path in self._paths.networks.glob("*.json")}
        while True:
            number = FIRST_ID + secrets.randbelow(LAST_ID - FIRST_ID)
            if number not in used:
                return number


def _rewrite(path: Path, text: str, identity: Identity | None) -> None:
    """Change a file in place: a new one instead the services that have it mounted would not see."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        os.fchmod(fd, 0o644)
        if identity is not None:  # its services see it without a mapping; they cannot write it
            os.fchown(fd, identity.uid, identity.gid)
        data = text.encode()
        os.pwrite(fd, data, 0)
        os.ftruncate(fd, len(data))
    finally:
        os.close(fd)
