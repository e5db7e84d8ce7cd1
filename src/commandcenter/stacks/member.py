"""One service of a stack as its supervisor sees it, and what each fact makes of it. Pure."""

from dataclasses import dataclass, replace

from commandcenter.stacks.model import RestartMode, RestartPolicy
from commandcenter.stacks.states import ServiceState, check_service

START_TRIES = 3  # after the first, before it was ever healthy
START_PAUSES = (1.0, 2.0, 4.0)
REPAIRS = 8  # in a row, each before it was healthy for STABLE_SECONDS
REPAIR_PAUSES = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
STABLE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Exit:
    """How a service's process ended. `is_passing`: the same start could succeed next time.

    `is_final`: it must not be tried again, however well the service was before. `is_away`: the
    runtime did not answer; that is no failure of a service that was healthy.
    """

    succeeded: bool
    is_passing: bool
    words: str
    exit_code: int | None = None
    is_final: bool = False
    cause: str = "not_started"  # besides it: lost, unhealthy, ended, or a `FailureReason`
    is_away: bool = False


@dataclass(frozen=True, slots=True)
class Member:
    """`number` counts its attempts and never goes back. Times are of a monotonic clock."""

    name: str
    restart: RestartPolicy
    state: ServiceState = ServiceState.PENDING
    number: int = 0
    was_healthy: bool = False  # since it was last asked to start
    failures: int = 0  # in a row
    misses: int = 0  # probes that failed in a row, in this attempt
    restarts: int = 0  # by the supervisor, since it was last asked to start
    healthy_since: float | None = None
    started_at: float | None = None
    retry_at: float | None = None  # with RESTARTING
    restart_asked: bool = False  # by people: the end of this attempt is no failure
    message: str = ""
    cause: str = ""  # why it was ended last: "asked", or that of `Exit`

    def to(self, state: ServiceState, **changes: object) -> "Member":
        """Return the member in another state; IllegalTransitionError if it may not follow."""
        return replace(self, state=check_service(self.state, state), **changes)  # type: ignore[arg-type]


def asked_to_start(member: Member) -> Member:
    """A fresh beginning: earlier failures are forgotten."""
    return replace(
        member,
        state=ServiceState.PENDING,
        was_healthy=False,
        failures=0,
        misses=0,
        restarts=0,
        healthy_since=None,
        started_at=None,
        retry_at=None,
        restart_asked=False,
        message="",
        cause="",
    )


def started(member: Member, now: float, *, has_probe: bool) -> Member:
    """Its process runs. Without anything to ask, all that can be waited for is that it lasts.

    Such a service counts as one that was well from the beginning where it is to run but once.
    """
    once = not has_probe and member.restart.mode is RestartMode.NO
    return replace(
        member,
        started_at=now,
        misses=0,
        healthy_since=None,
        was_healthy=member.was_healthy or once,
    )


def probed(member: Member, now: float, *, healthy: bool, counts: bool, retries: int) -> Member:
    """A probe was answered. `counts`: a failure now is one, it is not within the start period."""
    if member.state not in _PROBED:
        return member
    if healthy:
        if member.state is ServiceState.HEALTHY:
            return replace(member, misses=0)
        return member.to(
            ServiceState.HEALTHY, misses=0, healthy_since=now, was_healthy=True, message=""
        )
    if not counts or member.state is ServiceState.UNHEALTHY:
        return member
    misses = member.misses + 1
    if misses < retries:
        return replace(member, misses=misses)
    return member.to(ServiceState.UNHEALTHY, misses=misses)


def ended(member: Member, now: float, exit_: Exit) -> Member:
    """Its process is gone: by itself, by the supervisor, or it could not be started at all."""
    cause = "asked" if member.restart_asked else exit_.cause
    gone = replace(member, healthy_since=None, started_at=None, misses=0, cause=cause)
    if member.restart_asked:
        return gone.to(ServiceState.RESTARTING, retry_at=now, restart_asked=False, message="")
    if member.state is ServiceState.STOPPING:
        return gone.to(ServiceState.STOPPED, message="")
    if member.state not in _ENDABLE:
        return gone
    if exit_.succeeded and member.restart.mode in _ONCE:
        return gone.to(ServiceState.COMPLETED, message="")
    failures = member.failures
    stable = member.healthy_since is not None and now - member.healthy_since >= STABLE_SECONDS
    failures = 0 if stable else failures
    is_spared = exit_.is_away and member.was_healthy
    given_up = None if is_spared else _why_given_up(member, exit_, failures)
    if given_up is not None:
        return gone.to(ServiceState.FAILED, failures=failures, message=given_up)
    pauses = REPAIR_PAUSES if member.was_healthy else START_PAUSES
    pause = pauses[min(failures, len(pauses) - 1)]
    return gone.to(
        ServiceState.RESTARTING,
        failures=failures if is_spared else failures + 1,
        restarts=member.restarts + 1,
        retry_at=now + pause,
        message=exit_.words,
    )


def _why_given_up(member: Member, exit_: Exit, failures: int) -> str | None:
    if exit_.is_final or (not exit_.is_passing and not member.was_healthy):
        return exit_.words
    if member.was_healthy and member.restart.mode is RestartMode.NO:
        words = exit_.words if exit_.words.endswith(".") else f"{exit_.words}."
        return f'{words} It is not started again: its restart policy is "no".'
    most = REPAIRS if member.was_healthy else START_TRIES
    if member.restart.mode is RestartMode.ON_FAILURE and member.restart.max_attempts is not None:
        most = min(most, member.restart.max_attempts)
    if failures >= most:
        times = f"{failures} time{'s' if failures != 1 else ''}"
        return f"Given up after it was started again {times}: {exit_.words}"
    return None


_PROBED = frozenset({ServiceState.STARTING, ServiceState.HEALTHY, ServiceState.UNHEALTHY})
_ENDABLE = _PROBED
_ONCE = frozenset({RestartMode.NO, RestartMode.ON_FAILURE})
