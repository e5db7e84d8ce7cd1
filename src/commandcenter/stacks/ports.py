"""Ports of the host that services need, and whether a program listens there already."""

import socket
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from commandcenter.models import StackPort
from commandcenter.stacks.bounds import LAST_PORT
from commandcenter.stacks.errors import Conflict, PortConflictError
from commandcenter.stacks.listeners import who_listens
from commandcenter.stacks.resources import PortRange, Protocol

LOOPBACK = "127.0.0.1"
_NEAR = 200  # how far from a taken port another is looked for

Key = tuple[str, int, Protocol]  # service and its own port
Free = Callable[[int, Protocol], bool]


@dataclass(frozen=True, slots=True)
class PortNeed:
    """A port of a service that is to be reached from the host. `wanted` None: any."""

    service: str
    container: int
    wanted: PortRange | None
    protocol: Protocol = Protocol.TCP

    @property
    def key(self) -> Key:
        return self.service, self.container, self.protocol


def is_free(port: int, protocol: Protocol = Protocol.TCP) -> bool:
    """Whether nobody listens on the port now."""
    is_tcp = protocol is Protocol.TCP
    kind = socket.SOCK_STREAM if is_tcp else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as probe:
        if is_tcp:  # as a server would: connections that linger do not count
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def check_free(
    project: str,
    ports: Mapping[Key, int],
    *,
    besides: frozenset[int],
    claimed: frozenset[int],
    free: Free = is_free,
) -> None:
    """Raise `PortConflictError` naming every port on which another program listens.

    `besides` are those on which services of the project's stack itself do, `claimed` all that
    projects have: none of them is proposed instead.
    """
    conflicts = [
        Conflict(service, inside, port, who_listens(port, protocol))
        for (service, inside, protocol), port in ports.items()
        if port not in besides and not free(port, protocol)
    ]
    if conflicts:
        taken = claimed | set(ports.values())
        raise PortConflictError(project, conflicts, instead_of(conflicts[0].port, taken, free))


async def claimed_ports(session: AsyncSession, owner: str) -> frozenset[int]:
    """Return the ports that projects of a hub have."""
    return frozenset(
        await session.scalars(select(StackPort.host_port).where(StackPort.owner == owner))
    )


def instead_of(port: int, taken: Collection[int], free: Free) -> int | None:
    """Return the next port that nobody has or listens on; None where there is none near."""
    near = range(port + 1, min(port + 1 + _NEAR, LAST_PORT + 1))
    return next(
        (each for each in near if each not in taken and free(each, Protocol.TCP)),
        None,
    )
