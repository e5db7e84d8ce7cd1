"""Limits of a service: `deploy.resources.limits` and the older attributes that mean the same."""

from collections.abc import Callable
from typing import TypeVar

from commandcenter.stacks.compose.cursor import Cursor
from commandcenter.stacks.compose.units import parse_bytes, parse_integer, parse_number
from commandcenter.stacks.resources import ServiceLimits, Ulimit

_PERIOD_MICROSECONDS = 100_000
_MOST_CPUS = 1024.0
_LEAST_MEMORY = 6 * 1024**2  # what a container engine accepts
_DEPLOY = frozenset({"mode", "replicas", "resources", "restart_policy", "labels"})
_ULIMITS = frozenset(
    [
        "core",
        "cpu",
        "data",
        "fsize",
        "locks",
        "memlock",
        "msgqueue",
        "nice",
        "nofile",
        "nproc",
        "rss",
        "rtprio",
        "rttime",
        "sigpending",
        "stack",
    ]
)
N = TypeVar("N", int, float)


def limits_of(service: Cursor) -> ServiceLimits:
    """Return the limits asked for; two different ones for the same thing are reported."""
    limits = _deploy_limits(service)
    _refuse_swap(service)
    return ServiceLimits(
        cpus=_agreed(service, limits, "cpus", ("cpus",), _cpus, _quota(service)),
        memory_bytes=_agreed(service, limits, "memory", ("mem_limit",), _memory, None),
        pids=_agreed(service, limits, "pids", ("pids_limit",), _pids, None),
        shm_bytes=service.parse_at("shm_size", parse_bytes, None),
    )


def _deploy_limits(service: Cursor) -> Cursor | None:
    deploy = service.get("deploy")
    if deploy is None:
        return None
    deploy.refuse_but(_DEPLOY, "it is for clusters of machines; the stack runs on this one")
    mode = deploy.get("mode")
    if mode is not None and mode.text != "replicated":
        mode.unsupported("a service runs once, on this machine")
    _one_only(deploy, "replicas")
    resources = deploy.get("resources")
    if resources is None:
        return None
    reservations = resources.get("reservations")
    for name, reservation in reservations.items() if reservations else ():
        if name in ("cpus", "memory"):
            reservation.note("nothing is reserved; limits are enforced")
        else:
            reservation.unsafe("devices of this machine are not given to services")
    return resources.get("limits")


def _one_only(owner: Cursor, name: str) -> None:
    count = owner.get(name)
    if count is not None and count.parse(parse_integer, 1) != 1:
        count.unsupported("a service runs once", "write several services")


def refuse_scale(service: Cursor) -> None:
    """Report a `scale` other than 1."""
    _one_only(service, "scale")


def _agreed(
    service: Cursor,
    limits: Cursor | None,
    name: str,
    older: tuple[str, ...],
    parse: Callable[[object], N | None],
    other: N | None,
) -> N | None:
    found = [] if other is None else [other]
    for owner, key in ((limits, name), *((service, key) for key in older)):
        place = owner.get(key) if owner else None
        value = place.parse(parse, None) if place else None
        if value is None or place is None:
            continue
        if found and found[0] != value:
            place.invalid("another limit is asked for the same thing elsewhere in the service")
        found.append(value)
    return found[0] if found else None


def _cpus(value: object) -> float | None:
    cpus = parse_number(value)
    if not 0 <= cpus <= _MOST_CPUS:
        raise ValueError(f"{cpus} is not a possible number of processors")
    return cpus or None


def _memory(value: object) -> int | None:
    size = parse_bytes(value)
    if 0 < size < _LEAST_MEMORY:
        raise ValueError(f"a memory limit must be at least 6m, not {size} bytes")
    return size or None


def _pids(value: object) -> int | None:
    pids = parse_integer(value)
    if pids <= 0:
        raise ValueError("the number of processes is always limited; write how many")
    return pids


def _quota(service: Cursor) -> float | None:
    quota = service.get("cpu_quota")
    period = service.parse_at("cpu_period", parse_number, float(_PERIOD_MICROSECONDS))
    if quota is None:
        if (alone := service.get("cpu_period")) is not None:
            alone.unsupported("cpu_period has a meaning only with cpu_quota", "use cpus")
        return None
    microseconds = quota.parse(parse_number, 0.0)
    if microseconds <= 0 or period <= 0:
        quota.invalid("cpu_quota and cpu_period are microseconds above 0")
        return None
    return microseconds / period


def _refuse_swap(service: Cursor) -> None:
    swap = service.get("memswap_limit")
    if swap is None:
        return
    memory = service.parse_at("mem_limit", parse_bytes, None)
    if memory is None or swap.parse(parse_bytes, -1) != memory:
        swap.unsupported("services do not swap", "take it away, or set it to the same as mem_limit")


def ulimits_of(service: Cursor) -> tuple[Ulimit, ...]:
    """Return the limits of single processes (`nofile`, ...)."""
    found: list[Ulimit] = []
    attribute = service.get("ulimits")
    for name, entry in attribute.entries() if attribute else ():
        if name not in _ULIMITS:
            entry.invalid(f'"{name[:40]}" is not a limit of a process')
            continue
        if entry.node.is_mapping:
            soft = entry.parse_at("soft", parse_integer, 0)
            hard = entry.parse_at("hard", parse_integer, 0)
        else:
            soft = hard = entry.parse(parse_integer, 0)
        if hard != -1 and (soft == -1 or soft > hard):
            entry.invalid("the soft limit is above the hard one")
        found.append(Ulimit(name, soft, hard))
    return tuple(found)
