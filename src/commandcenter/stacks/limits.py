"""Whether the limits that services ask for are in force: told beforehand, read back afterwards.

A limit that cannot be applied is an error. Where the machine lacks the means, a person may accept
that for a project, limit by limit and by name.
"""

import os
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet

from commandcenter.runtimes.capabilities import Capabilities
from commandcenter.runtimes.results import Stats
from commandcenter.runtimes.spec import Limits
from commandcenter.stacks.errors import LimitNotAppliedError, LimitsNotEnforcedError
from commandcenter.stacks.resources import ServiceLimits

LIMITS = ("cpu", "memory", "pids")
_CORES_APART = 1e-4  # a quota is given in microseconds
_BYTES_APART = 64 * 1024  # the kernel counts in pages
_MIB = 1024**2
_GIB = 1024**3
_ENDLESS = 2**60


def refuse_unenforced(
    can: Capabilities, accepted: AbstractSet[str], project: str
) -> tuple[str, ...]:
    """Return what is to be told of limits that are accepted as not enforced.

    Raises `LimitsNotEnforcedError` for the others that the runtime cannot enforce here.
    """
    unenforced = [name for name in LIMITS if name not in can.limits]
    if set(unenforced) <= accepted:
        return can.problems if unenforced else ()
    names = ",".join(unenforced)
    raise LimitsNotEnforcedError(
        " ".join((f"Limits of services cannot be enforced here: {names}.", *can.problems)),
        hint="To run this project without: "
        f"commandcenter project set {project} --accept-unenforced {names}",
        fields={"limits": unenforced},
    )


def warn_unenforced(
    can: Capabilities, asked: AbstractSet[str], accepted: AbstractSet[str], project: str
) -> tuple[str, ...]:
    """Return what is to be told of limits just asked for that the runtime cannot enforce here."""
    unenforced = [name for name in LIMITS if name not in can.limits]
    concerned = [name for name in unenforced if name in asked]
    if not concerned:
        return ()
    names = ",".join(unenforced)
    follows = (
        "and it runs without, as was accepted."
        if set(unenforced) <= accepted
        else "and a start is refused until that is accepted: "
        f"commandcenter project set {project} --accept-unenforced {names}"
    )
    return (
        f"The limit of {' and '.join(concerned)} cannot be enforced here, {follows}",
        *can.problems,
    )


def beyond_machine(limits: Mapping[str, ServiceLimits]) -> Iterator[str]:
    """Name the limits of services that are above what this machine has."""
    cores = os.cpu_count() or 1
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for name, limit in limits.items():
        if (limit.memory_bytes or 0) > memory:
            yield (
                f"{name} may use {(limit.memory_bytes or 0) / _GIB:.1f} GB of memory, and this "
                f"machine has {memory / _GIB:.1f} GB: the limit protects nothing."
            )
        if (limit.cpus or 0) > cores:
            yield (
                f"{name} may use {limit.cpus:g} cores, and this machine has {cores}: the limit "
                "protects nothing."
            )


def refuse_unapplied(service: str, stats: Stats, accepted: AbstractSet[str]) -> None:
    """Raise `LimitNotAppliedError` unless each limit asked for is the one in force."""
    asked = stats.requested
    found = {
        "cpu": (asked.cpu, stats.actual_cpu, _CORES_APART),
        "memory": (asked.memory_bytes, stats.actual_memory_bytes, _BYTES_APART),
        "pids": (asked.pids, stats.actual_pids, 0),
    }
    wrong = [
        name
        for name, (wanted, actual, apart) in found.items()
        if (abs(actual - wanted) > apart if actual is not None else name not in accepted)
    ]
    if wrong:
        told = "; ".join(_words(name, asked, found[name][1]) for name in wrong)
        raise LimitNotAppliedError(
            f"The limits of {service} are not in force, so it was stopped: {told}.",
            hint="commandcenter doctor says what this machine can limit.",
            fields={"service": service, "limits": wrong},
        )


def _words(name: str, asked: Limits, actual: float | None) -> str:
    wanted = {"cpu": asked.cpu, "memory": asked.memory_bytes, "pids": asked.pids}[name]
    # Without a limit the kernel tells a negative quota, or all the memory one can address.
    there = "none" if actual is None or not 0 <= actual < _ENDLESS else _value(name, actual)
    return f"{name}: asked for {_value(name, wanted)}, in force {there}"


def _value(name: str, value: float) -> str:
    match name:
        case "cpu":
            return f"{value:g} cores"
        case "memory":
            return f"{value / _MIB:.10g} MiB"
        case _:
            return f"{value:g} processes"
