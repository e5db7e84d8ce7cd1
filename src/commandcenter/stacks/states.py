"""The states of stacks and of their services, and which may follow which."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Desired(StrEnum):
    """What people asked for last."""

    RUNNING = "running"
    STOPPED = "stopped"


class StackState(StrEnum):
    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"  # every service was healthy; one that is repaired does not change it
    STOPPING = "stopping"
    ERROR = "error"  # a service was given up; the reason says which and why

    @property
    def words(self) -> str:
        """Return what a sentence about the stack goes on with."""
        if self is StackState.ERROR:
            return "has services that failed"
        return f"is {self.value}"


class ServiceState(StrEnum):
    PENDING = "pending"  # waits for what it depends on
    STARTING = "starting"  # runs, and was not healthy yet
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"  # runs, and is about to be restarted
    RESTARTING = "restarting"  # ended, and will be started again
    STOPPING = "stopping"
    STOPPED = "stopped"
    COMPLETED = "completed"  # ended by itself, as it should
    FAILED = "failed"  # given up

    @property
    def is_active(self) -> bool:
        """Whether a process of it may be there."""
        return self in _ACTIVE

    @property
    def is_settled(self) -> bool:
        """Whether nothing will change by itself."""
        return self in _SETTLED


_ACTIVE = frozenset(
    {
        ServiceState.STARTING,
        ServiceState.HEALTHY,
        ServiceState.UNHEALTHY,
        ServiceState.STOPPING,
    }
)
_SETTLED = frozenset({ServiceState.STOPPED, ServiceState.COMPLETED, ServiceState.FAILED})

_S = ServiceState
SERVICE_TRANSITIONS: Mapping[ServiceState, frozenset[ServiceState]] = MappingProxyType(
    {
        _S.PENDING: frozenset({_S.STARTING, _S.RESTARTING, _S.FAILED, _S.STOPPED}),
        _S.STARTING: frozenset(
            {_S.HEALTHY, _S.UNHEALTHY, _S.RESTARTING, _S.COMPLETED, _S.FAILED, _S.STOPPING}
        ),
        _S.HEALTHY: frozenset({_S.UNHEALTHY, _S.RESTARTING, _S.COMPLETED, _S.FAILED, _S.STOPPING}),
        _S.UNHEALTHY: frozenset({_S.HEALTHY, _S.RESTARTING, _S.COMPLETED, _S.FAILED, _S.STOPPING}),
        _S.RESTARTING: frozenset({_S.STARTING, _S.FAILED, _S.STOPPED}),
        _S.STOPPING: frozenset({_S.STOPPED, _S.RESTARTING, _S.FAILED}),
        _S.STOPPED: frozenset({_S.PENDING, _S.RESTARTING}),
        _S.COMPLETED: frozenset({_S.PENDING, _S.RESTARTING, _S.STOPPED}),
        _S.FAILED: frozenset({_S.PENDING, _S.RESTARTING, _S.STOPPED}),
    }
)
_T = StackState
STACK_TRANSITIONS: Mapping[StackState, frozenset[StackState]] = MappingProxyType(
    {
        _T.STOPPED: frozenset({_T.STARTING}),
        _T.STARTING: frozenset({_T.RUNNING, _T.ERROR, _T.STOPPING, _T.STOPPED}),
        _T.RUNNING: frozenset({_T.STARTING, _T.ERROR, _T.STOPPING, _T.STOPPED}),
        _T.STOPPING: frozenset({_T.STOPPED, _T.STARTING, _T.ERROR}),
        _T.ERROR: frozenset({_T.STARTING, _T.RUNNING, _T.STOPPING, _T.STOPPED}),
    }
)


class IllegalTransitionError(Exception):
    """A mistake of the program, never of its user."""


def check_service(before: ServiceState, after: ServiceState) -> ServiceState:
    """Return `after`; IllegalTransitionError unless it may follow. The same state may."""
    if before is not after and after not in SERVICE_TRANSITIONS[before]:
        raise IllegalTransitionError(f"a service cannot go from {before} to {after}")
    return after


def check_stack(before: StackState, after: StackState) -> StackState:
    """Return `after`; IllegalTransitionError unless it may follow. The same state may."""
    if before is not after and after not in STACK_TRANSITIONS[before]:
        raise IllegalTransitionError(f"a stack cannot go from {before} to {after}")
    return after
