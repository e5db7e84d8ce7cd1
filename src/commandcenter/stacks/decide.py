"""What follows from the states of a stack's services. Pure: no clock, no I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from commandcenter.stacks.member import Member
from commandcenter.stacks.model import Dependency, DependencyCondition, Service, Stack
from commandcenter.stacks.order import start_order
from commandcenter.stacks.states import Desired, ServiceState, StackState


@dataclass(frozen=True, slots=True)
class Start:
    service: str


@dataclass(frozen=True, slots=True)
class Stop:
    """End its process; `why` is for the log of events."""

    service: str
    why: str


@dataclass(frozen=True, slots=True)
class GiveUp:
    """It can never start."""

    service: str
    why: str


@dataclass(frozen=True, slots=True)
class Wait:
    """It cannot start yet; `why` is empty while what it waits for is on its way."""

    service: str
    why: str


@dataclass(frozen=True, slots=True)
class Drop:
    """It has no process, and none is to come: it is stopped."""

    service: str


Action = Start | Stop | GiveUp | Wait | Drop


@dataclass(frozen=True, slots=True)
class Decision:
    actions: tuple[Action, ...] = ()
    state: StackState = StackState.STARTING
    reason: str = ""
    wake_at: float | None = None  # when to look again if nothing happens
    unhealthy: tuple[str, ...] = field(default=())  # services that are not well, in order


def decide(
    desired: Desired,
    stack: Stack,
    members: Mapping[str, Member],
    *,
    before: StackState,
    now: float,
) -> Decision:
    """Return what to do next and the state of the whole; called again after every change."""
    if desired is Desired.STOPPED:
        return _stopping(stack, members)
    return _running(stack, members, before, now)


def _running(
    stack: Stack, members: Mapping[str, Member], before: StackState, now: float
) -> Decision:
    actions: list[Action] = []
    wake_at: float | None = None
    for service in stack.services:
        member = members[service.name]
        if member.state is ServiceState.UNHEALTHY:
            actions.append(Stop(service.name, "it is unhealthy"))
        if member.state not in {ServiceState.PENDING, ServiceState.RESTARTING}:
            continue
        is_pending = member.state is ServiceState.PENDING
        hopeless = _hopeless(service, members)
        if hopeless is not None and is_pending:
            actions.append(GiveUp(service.name, hopeless))
        elif not _is_met_for(service, members):
            why = _held_up(service, members)
            if is_pending and why != member.message:
                actions.append(Wait(service.name, why))
        elif member.retry_at is not None and member.retry_at > now:
            wake_at = member.retry_at if wake_at is None else min(wake_at, member.retry_at)
        else:
            actions.append(Start(service.name))
    failed = [each for each in stack.service_names if members[each].state is ServiceState.FAILED]
    unwell = tuple(each for each in stack.service_names if members[each].state not in _WELL)
    if failed:
        reason = "; ".join(f"{name}: {members[name].message}" for name in failed)
        return Decision(tuple(actions), StackState.ERROR, reason, wake_at, unwell)
    if not unwell:
        return Decision(tuple(actions), StackState.RUNNING, "", wake_at)
    state = StackState.RUNNING if before is StackState.RUNNING else StackState.STARTING
    return Decision(tuple(actions), state, "", wake_at, unwell)


def _is_met_for(service: Service, members: Mapping[str, Member]) -> bool:
    return all(_is_met(each, members) for each in service.depends_on if each.service in members)


def _is_met(dependency: Dependency, members: Mapping[str, Member]) -> bool:
    state = members[dependency.service].state
    if not dependency.required and state is ServiceState.FAILED:
        return True
    match dependency.condition:
        case DependencyCondition.COMPLETED:
            return state is ServiceState.COMPLETED
        case DependencyCondition.HEALTHY:
            return state is ServiceState.HEALTHY
        case DependencyCondition.STARTED:
            begun = members[dependency.service].started_at is not None
            return begun or state is ServiceState.COMPLETED


def _hopeless(service: Service, members: Mapping[str, Member]) -> str | None:
    """Why its dependencies can never be met; None while they may."""
    for dependency in service.depends_on:
        if dependency.service not in members or not dependency.required:
            continue
        state = members[dependency.service].state
        if state is ServiceState.COMPLETED and dependency.condition is DependencyCondition.HEALTHY:
            return f"It waits for {dependency.service} to be healthy, which has ended."
    return None


def _held_up(service: Service, members: Mapping[str, Member]) -> str:
    """Which dependency failed: it is waited for, since people may have it started again."""
    for dependency in service.depends_on:
        found = members.get(dependency.service)
        if found is None:
            continue
        if found.state is ServiceState.FAILED:
            return f"It waits for {dependency.service}, which failed."
        if found.state is ServiceState.PENDING and found.message:
            return f"It waits for {dependency.service}, which waits for one that failed."
    return ""


def _stopping(stack: Stack, members: Mapping[str, Member]) -> Decision:
    """In reverse order: what needs others goes first."""
    actions: list[Action] = [
        Drop(name) for name in stack.service_names if members[name].state in _WITHOUT_PROCESS
    ]
    for level in start_order(stack).reverse:
        there = [name for name in level if members[name].state.is_active]
        if not there:
            continue
        actions += [
            Stop(name, "the stack is stopped")
            for name in there
            if members[name].state is not ServiceState.STOPPING
        ]
        break
    there = [name for name in stack.service_names if members[name].state.is_active]
    return Decision(tuple(actions), StackState.STOPPING if there else StackState.STOPPED)


_WELL = frozenset({ServiceState.HEALTHY, ServiceState.COMPLETED})
_WITHOUT_PROCESS = frozenset(
    {ServiceState.PENDING, ServiceState.RESTARTING, ServiceState.FAILED, ServiceState.COMPLETED}
)
