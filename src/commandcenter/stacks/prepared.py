"""A service made ready to be run: the attempt, how its health is asked, what stands in for what."""

from dataclasses import dataclass

from commandcenter.runtimes.base import AttemptSpec


@dataclass(frozen=True, slots=True)
class CommandCheck:
    """Run in the service; healthy with exit code 0 and `expected` in the output."""

    command: tuple[str, ...]
    expected: str = ""


@dataclass(frozen=True, slots=True)
class HttpCheck:
    """Asked through the service's port on the host; healthy with a status below 400."""

    host_port: int
    path: str


Check = CommandCheck | HttpCheck


@dataclass(frozen=True, slots=True)
class CheckTimes:
    """Seconds, as in `stacks.health.HealthCheck`."""

    interval: float
    timeout: float
    retries: int
    start_period: float
    start_interval: float


@dataclass(frozen=True, slots=True)
class Prepared:
    spec: AttemptSpec
    check: Check | None  # None: there is nothing to ask; it is healthy while it runs
    times: CheckTimes
    runs_as: str  # for the user: which program is run in place of the image
