"""Which ports of the host a stack gets. Given once, and kept until the project goes."""

import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from commandcenter.models import Project, StackPort
from commandcenter.stacks.errors import NoPortLeftError, PortConflictError
from commandcenter.stacks.resources import PortRange, Protocol

LOOPBACK = "127.0.0.1"
_ADVISORY_LOCK = 0x636F_6D70  # arbitrary, this product's own

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


async def give_ports(
    session: AsyncSession,
    *,
    owner: str,
    project_id: str,
    needs: Sequence[PortNeed],
    pool: range,
    free: Free = is_free,
) -> dict[Key, int]:
    """Give each need its port, the one it had before if that still fits, within a transaction.

    Two projects never get the same. Raises `PortConflictError` naming every port that belongs to
    another project, and `NoPortLeftError`.
    """
    if session.get_bind().dialect.name == "postgresql":
        await session.execute(select(func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
    rows = list(await session.scalars(select(StackPort).where(StackPort.owner == owner)))
    others = {_place(row): row for row in rows if row.project_id != project_id}
    had = {
        (row.service, row.container_port, Protocol(row.protocol)): row
        for row in rows
        if row.project_id == project_id
    }
    given: dict[Key, int] = {}
    conflicts: list[dict[str, object]] = []
    for need in (each for each in needs if each.wanted is not None):
        port = _fixed(need, had, _taken(need, others, given), free)
        if port is None:
            conflicts.append(await _conflict(session, need, others))
        else:
            given[need.key] = port
    if conflicts:
        raise conflict_error(conflicts)
    for need in (each for each in needs if each.wanted is None):
        before = had.get(need.key)
        taken = _taken(need, others, given)
        if before is not None and before.is_automatic and before.host_port not in taken:
            given[need.key] = before.host_port
    for need in (each for each in needs if each.wanted is None and each.key not in given):
        taken = _taken(need, others, given)
        fits = (port for port in pool if port not in taken and free(port, need.protocol))
        port = next(fits, None)
        if port is None:
            raise NoPortLeftError(
                f"No port from {pool.start} to {pool.stop - 1} is left for {need.service}.",
                hint="Widen COMMANDCENTER_STACK_PORTS, or remove projects that are not used.",
            )
        given[need.key] = port
    automatic = {need.key: need.wanted is None for need in needs}
    await _store(session, owner, project_id, had, given, automatic)
    return given


def _place(row: StackPort) -> tuple[Protocol, int]:
    return Protocol(row.protocol), row.host_port


def _taken(
    need: PortNeed, others: Mapping[tuple[Protocol, int], StackPort], given: Mapping[Key, int]
) -> set[int]:
    """Return the ports of the need's protocol that are not to be had."""
    theirs = {port for protocol, port in others if protocol is need.protocol}
    return theirs | {port for key, port in given.items() if key[2] is need.protocol}


async def _store(
    session: AsyncSession,
    owner: str,
    project_id: str,
    had: Mapping[Key, StackPort],
    given: Mapping[Key, int],
    automatic: Mapping[Key, bool],
) -> None:
    """Replace the rows that changed; two of them may have changed places."""
    unchanged = {
        key
        for key, port in given.items()
        if key in had and (had[key].host_port, had[key].is_automatic) == (port, automatic[key])
    }
    for key, row in had.items():
        if key not in unchanged:
            await session.delete(row)
    await session.flush()
    for key, port in given.items():
        if key not in unchanged:
            session.add(
                StackPort(
                    owner=owner,
                    host_port=port,
                    project_id=project_id,
                    service=key[0],
                    container_port=key[1],
                    protocol=key[2].value,
                    is_automatic=automatic[key],
                )
            )
    await session.flush()


def check_free(
    ports: Mapping[Key, int],
    *,
    besides: frozenset[int],
    free: Free = is_free,
) -> None:
    """Raise `PortConflictError` naming every port on which another program listens.

    `besides` are those on which services of the stack itself do.
    """
    conflicts: list[dict[str, object]] = [
        {"service": service, "port": port, "taken_by": "another program"}
        for (service, _, protocol), port in ports.items()
        if port not in besides and not free(port, protocol)
    ]
    if conflicts:
        raise conflict_error(conflicts)


def conflict_error(conflicts: Sequence[Mapping[str, object]]) -> PortConflictError:
    told = "; ".join(
        f"port {each['port']} of {each['service']} is taken by {each['taken_by']}"
        for each in conflicts
    )
    return PortConflictError(
        told[0].upper() + told[1:] + ".",
        hint="Stop what listens there, or choose another port: "
        "commandcenter project set NAME --port SERVICE=PORT",
        fields={"conflicts": [dict(each) for each in conflicts]},
    )


def _fixed(
    need: PortNeed,
    had: Mapping[Key, StackPort],
    taken: set[int],
    free: Free,
) -> int | None:
    """Return the port of a fixed need: the one it had, else the first of its range."""
    wanted = need.wanted
    if wanted is None:
        return None
    candidates = [port for port in range(wanted.first, wanted.last + 1) if port not in taken]
    before = had.get(need.key)
    if before is not None and before.host_port in candidates:
        return before.host_port
    if len(candidates) > 1:
        candidates = [port for port in candidates if free(port, need.protocol)] or candidates
    return candidates[0] if candidates else None


async def _conflict(
    session: AsyncSession, need: PortNeed, others: Mapping[tuple[Protocol, int], StackPort]
) -> dict[str, object]:
    port = need.wanted.first if need.wanted is not None else 0
    row = others.get((need.protocol, port))
    if row is None:
        return {"service": need.service, "port": port, "taken_by": "another service of the stack"}
    project = await session.get(Project, row.project_id)
    name = project.name if project is not None else row.project_id
    return {
        "service": need.service,
        "port": port,
        "taken_by": f"service {row.service} of project {name}",
    }
