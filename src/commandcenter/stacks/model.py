"""A stack: the services of a project and what they share. Pure values, whatever runs them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from commandcenter.stacks.health import HealthCheck
from commandcenter.stacks.resources import (
    ExposedPort,
    ExtraHost,
    FileGrant,
    Mount,
    NamedVolume,
    Network,
    NetworkAttachment,
    Port,
    ServiceLimits,
    Ulimit,
)

DEFAULT_STOP_GRACE_SECONDS = 10.0


class DependencyCondition(StrEnum):
    STARTED = "service_started"
    HEALTHY = "service_healthy"
    COMPLETED = "service_completed_successfully"


@dataclass(frozen=True, slots=True)
class Dependency:
    """The service waits until `service` has reached `condition`."""

    service: str
    condition: DependencyCondition = DependencyCondition.STARTED
    required: bool = True  # False: start even if the dependency could not
    restart: bool = False  # restart this service when the dependency was restarted on purpose


class RestartMode(StrEnum):
    NO = "no"
    ALWAYS = "always"
    ON_FAILURE = "on-failure"
    UNLESS_STOPPED = "unless-stopped"


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    mode: RestartMode = RestartMode.NO
    max_attempts: int | None = None  # of on-failure; None: no limit of its own


class PullPolicy(StrEnum):
    MISSING = "missing"
    ALWAYS = "always"
    NEVER = "never"
    BUILD = "build"


@dataclass(frozen=True, slots=True)
class Build:
    """How the image is built. Paths are relative to the project's folder, like a bind's source."""

    context: str
    dockerfile: str = "Dockerfile"
    dockerfile_inline: str | None = None  # takes the place of the file
    target: str | None = None
    args: Mapping[str, str] = field(default_factory=dict, repr=False)
    labels: Mapping[str, str] = field(default_factory=dict)
    no_cache: bool = False
    pull: bool = False
    network: str | None = None  # "none" or nothing


@dataclass(frozen=True, slots=True)
class Service:
    """One service. `command` and `entrypoint`: None is the image's own, () is emptied."""

    name: str
    image: str | None = None
    build: Build | None = None
    command: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    working_directory: str | None = None
    user: str | None = None  # None: the image's own
    ports: tuple[Port, ...] = ()
    expose: tuple[ExposedPort, ...] = ()
    mounts: tuple[Mount, ...] = ()
    files: tuple[FileGrant, ...] = ()
    networks: tuple[NetworkAttachment, ...] = ()  # empty: no network at all
    extra_hosts: tuple[ExtraHost, ...] = ()
    hostname: str | None = None
    depends_on: tuple[Dependency, ...] = ()
    health: HealthCheck | None = None  # None: the definition says nothing
    limits: ServiceLimits = field(default_factory=ServiceLimits)
    ulimits: tuple[Ulimit, ...] = ()
    restart: RestartPolicy = RestartPolicy()
    stop_signal: str | None = None  # "SIGINT"; None: the image's own, else SIGTERM
    stop_grace_seconds: float = DEFAULT_STOP_GRACE_SECONDS
    profiles: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    read_only: bool = False  # the root file system
    init: bool = False  # a small process 1 that reaps and passes signals on
    tty: bool = False
    stdin_open: bool = False
    cap_add: tuple[str, ...] = ()  # without CAP_, upper case
    cap_drop: tuple[str, ...] = ()  # likewise, or ALL
    no_new_privileges: bool = False
    platform: str | None = None  # "linux/amd64"
    pull_policy: PullPolicy = PullPolicy.MISSING


@dataclass(frozen=True, slots=True)
class Stack:
    """The services in the order of the definition; names are unique, references resolve."""

    name: str
    services: tuple[Service, ...]
    volumes: tuple[NamedVolume, ...] = ()
    networks: tuple[Network, ...] = ()

    def service(self, name: str) -> Service | None:
        """Return the service of that name, or None."""
        return next((service for service in self.services if service.name == name), None)

    @property
    def service_names(self) -> tuple[str, ...]:
        return tuple(service.name for service in self.services)
