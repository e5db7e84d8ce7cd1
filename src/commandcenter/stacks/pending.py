"""Which limits a service was started with, and which it has from its next start on. Pure.

Stored are the limits in force and, besides them, those of the definition itself: what people change
meanwhile is told from both, whatever the folder says by now.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from commandcenter.stacks.definition import over
from commandcenter.stacks.model import Stack
from commandcenter.stacks.preparing.common import effective_limits
from commandcenter.stacks.resources import ServiceLimits

_OWN = "own"
_NONE = ServiceLimits()


def stored_limits(limits: ServiceLimits, own: ServiceLimits) -> dict[str, Any]:
    """Return what is stored of a service: `limits` are in force, `own` the definition's."""
    return {**_hard(limits), _OWN: _hard(own)}


def next_limits(stored: Mapping[str, Any], wish: ServiceLimits | None) -> dict[str, Any]:
    """Return what would be stored after the next start, if people want `wish`."""
    own = ServiceLimits(**stored.get(_OWN, _without_own(stored)))
    return stored_limits(over(own, wish or _NONE), own)


def limited(stack: Stack, name: str, stored: Mapping[str, Any]) -> Stack:
    """Return the stack with the limits of one service as they are stored.

    A limit that stays the usual one is still not asked for: it is told as an addition.
    """
    return replace(
        stack,
        services=tuple(
            replace(each, limits=_changed(each.limits, stored)) if each.name == name else each
            for each in stack.services
        ),
    )


def _changed(limits: ServiceLimits, stored: Mapping[str, Any]) -> ServiceLimits:
    present = _hard(limits)
    wanted = _without_own(stored).items()
    return replace(limits, **{kind: value for kind, value in wanted if value != present[kind]})


def _hard(asked: ServiceLimits) -> dict[str, Any]:
    limits = effective_limits(asked)
    return {"cpus": limits.cpu, "memory_bytes": limits.memory_bytes, "pids": limits.pids}


def _without_own(stored: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in stored.items() if name != _OWN}
