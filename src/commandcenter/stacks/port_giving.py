"""Which ports of the host a stack gets. Given once, and kept until the project goes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from commandcenter.models import Project, StackPort
from commandcenter.stacks.errors import Conflict, NoPortLeftError, PortConflictError
from commandcenter.stacks.ports import Free, Key, PortNeed, instead_of, is_free
from commandcenter.stacks.resources import PortRange, Protocol

_ADVISORY_LOCK = 0x636F_6D70  # arbitrary, this product's own


@dataclass(frozen=True, slots=True)
class _Held:
    """The ports that projects of one hub have: those of the others, and a project's own."""

    others: Mapping[tuple[Protocol, int], StackPort]
    own: Mapping[Key, StackPort]


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
    held = await _held(session, owner, project_id)
    given = await _planned(session, project_id, held, needs, pool, free)
    automatic = {need.key: need.wanted is None for need in needs}
    await _store(session, owner, project_id, held.own, given, automatic)
    return given


async def plan_ports(
    session: AsyncSession,
    *,
    owner: str,
    project_id: str,
    needs: Sequence[PortNeed],
    pool: range,
    free: Free = is_free,
) -> dict[Key, int]:
    """Return what `give_ports` would give now, and raise what it would; nothing is changed."""
    held = await _held(session, owner, project_id)
    return await _planned(session, project_id, held, needs, pool, free)


async def refuse_held(
    session: AsyncSession,
    *,
    owner: str,
    project_id: str,
    wanted: Mapping[str, Mapping[int, int]],
) -> dict[Key, int]:
    """Return the wanted ports, given by service and its own, with their protocol.

    Raises `PortConflictError` for those that are somebody else's.
    """
    held = await _held(session, owner, project_id)
    kept = {
        key: row.host_port for key, row in held.own.items() if key[1] not in wanted.get(key[0], {})
    }
    needs = [
        PortNeed(service, inside, PortRange(port, port), _protocol(held, service, inside))
        for service, ports in wanted.items()
        for inside, port in ports.items()
    ]
    given: dict[Key, int] = dict(kept)
    conflicts = []
    for need in needs:
        if need.wanted is not None and need.wanted.first in _taken(need, held.others, given):
            conflicts.append(await _conflict(session, need, held.others))
        elif need.wanted is not None:
            given[need.key] = need.wanted.first
    if conflicts:
        raise await _conflict_error(session, project_id, conflicts, held, given)
    return {need.key: given[need.key] for need in needs}


def _protocol(held: _Held, service: str, inside: int) -> Protocol:
    has = {protocol for protocol in Protocol if (service, inside, protocol) in held.own}
    return Protocol.UDP if has == {Protocol.UDP} else Protocol.TCP


async def _held(session: AsyncSession, owner: str, project_id: str) -> _Held:
    rows = list(await session.scalars(select(StackPort).where(StackPort.owner == owner)))
    return _Held(
        {_place(row): row for row in rows if row.project_id != project_id},
        {
            (row.service, row.container_port, Protocol(row.protocol)): row
            for row in rows
            if row.project_id == project_id
        },
    )


async def _planned(
    session: AsyncSession,
    project_id: str,
    held: _Held,
    needs: Sequence[PortNeed],
    pool: range,
    free: Free,
) -> dict[Key, int]:
    given: dict[Key, int] = {}
    conflicts: list[Conflict] = []
    for need in (each for each in needs if each.wanted is not None):
        port = _fixed(need, held.own, _taken(need, held.others, given), free)
        if port is None:
            conflicts.append(await _conflict(session, need, held.others))
        else:
            given[need.key] = port
    if conflicts:
        raise await _conflict_error(session, project_id, conflicts, held, given)
    for need in (each for each in needs if each.wanted is None):
        before = held.own.get(need.key)
        taken = _taken(need, held.others, given)
        if before is not None and before.is_automatic and before.host_port not in taken:
            given[need.key] = before.host_port
    for need in (each for each in needs if each.wanted is None and each.key not in given):
        taken = _taken(need, held.others, given)
        fits = (port for port in pool if port not in taken and free(port, need.protocol))
        port = next(fits, None)
        if port is None:
            raise NoPortLeftError(
                f"No port from {pool.start} to {pool.stop - 1} is left for {need.service}.",
                hint="Widen COMMANDCENTER_STACK_PORTS, or remove projects that are not used.",
            )
        given[need.key] = port
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
) -> Conflict:
    port = need.wanted.first if need.wanted is not None else 0
    row = others.get((need.protocol, port))
    whose = "another service of the stack"
    if row is not None:
        whose = f"service {row.service} of project {await _name(session, row.project_id)}"
    return Conflict(need.service, need.container, port, whose)


async def _conflict_error(
    session: AsyncSession,
    project_id: str,
    conflicts: Sequence[Conflict],
    held: _Held,
    given: Mapping[Key, int],
) -> PortConflictError:
    taken = {port for _, port in held.others} | {row.host_port for row in held.own.values()}
    instead = instead_of(conflicts[0].port, taken | set(given.values()), is_free)
    return PortConflictError(await _name(session, project_id), conflicts, instead)


async def _name(session: AsyncSession, project_id: str) -> str:
    project = await session.get(Project, project_id)
    return project.name if project is not None else project_id
