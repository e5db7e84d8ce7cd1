"""How the health of a service is asked for, by its real protocol."""

from dataclasses import dataclass

DEFAULT_INTERVAL_SECONDS = 30.0
DEFAULT_TIMEOUT_SECONDS = 30.0
DEFAULT_RETRIES = 3
DEFAULT_START_INTERVAL_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class CommandProbe:
    """Run inside the service; exit code 0 is healthy."""

    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ShellProbe:
    """Run inside the service by its /bin/sh -c; exit code 0 is healthy."""

    script: str


@dataclass(frozen=True, slots=True)
class HttpProbe:
    """GET; a status below 400 is healthy."""

    port: int
    path: str = "/"


@dataclass(frozen=True, slots=True)
class TcpProbe:
    """An accepted connection is healthy."""

    port: int


@dataclass(frozen=True, slots=True)
class RedisProbe:
    """PING must be answered with PONG."""

    port: int = 6379


@dataclass(frozen=True, slots=True)
class PostgresProbe:
    """As `pg_isready`: the server must accept the start of a session."""

    port: int = 5432
    user: str = "postgres"
    database: str = "postgres"


@dataclass(frozen=True, slots=True)
class ImageProbe:
    """The check built into the image, if there is one."""


@dataclass(frozen=True, slots=True)
class NoProbe:
    """The definition switches health checks off, the image's own too."""


Probe = (
    CommandProbe
    | ShellProbe
    | HttpProbe
    | TcpProbe
    | RedisProbe
    | PostgresProbe
    | ImageProbe
    | NoProbe
)


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """A probe and its times in seconds.

    Unhealthy is who failed `retries` times in a row; failures within the start period do not
    count. During the start period the probe is repeated every `start_interval_seconds`.
    """

    probe: Probe
    interval_seconds: float = DEFAULT_INTERVAL_SECONDS
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    retries: int = DEFAULT_RETRIES
    start_period_seconds: float = 0.0
    start_interval_seconds: float = DEFAULT_START_INTERVAL_SECONDS
