"""A service made ready to be run: the attempt, how its health is asked, what stands in for what."""

from dataclasses import dataclass, field
from pathlib import Path

from commandcenter.runtimes.images import ImageFacts
from commandcenter.runtimes.spec import AttemptSpec
from commandcenter.stacks.hardening import Hardening


@dataclass(frozen=True, slots=True)
class CommandCheck:
    """Run in the service; healthy with exit code 0."""

    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HttpCheck:
    """GET; healthy with a status below 400."""

    port: int
    path: str


@dataclass(frozen=True, slots=True)
class TcpCheck:
    """Healthy when the connection is accepted."""

    port: int


@dataclass(frozen=True, slots=True)
class RedisCheck:
    """PING, as redis-cli sends it; healthy with PONG."""

    port: int
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class PostgresCheck:
    """The start of a session, as pg_isready does; healthy unless the server is not ready."""

    port: int
    user: str
    database: str


Check = CommandCheck | HttpCheck | TcpCheck | RedisCheck | PostgresCheck


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
    runs_as: str  # for the user: which program is run in place of the image, or which image
    accepted: frozenset[str] = frozenset()  # limits that need not be enforced (`stacks.limits`)
    volumes: Path | None = None  # below it lie those whose loss would be one of data
    hardening: Hardening = field(default_factory=Hardening)
    image: ImageFacts | None = None  # in which it runs
