"""The stack of a project that brings none of its own: postgres, redis, backend, frontend.

Defined here once, for every runtime. Images name what is run; a runtime without images runs the
program of the same name instead.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import quote

from commandcenter.stacks.health import (
    HealthCheck,
    HttpProbe,
    PostgresProbe,
    Probe,
    RedisProbe,
)
from commandcenter.stacks.model import (
    Dependency,
    DependencyCondition,
    RestartMode,
    RestartPolicy,
    Service,
    Stack,
)
from commandcenter.stacks.resources import (
    BindMount,
    NamedVolume,
    Network,
    NetworkAttachment,
    Port,
    PortRange,
    Protocol,
    ServiceLimits,
    VolumeMount,
)

POSTGRES = "postgres"
REDIS = "redis"
BACKEND = "backend"
FRONTEND = "frontend"
POSTGRES_PORT = 5432
REDIS_PORT = 6379
BACKEND_PORT = 8000
FRONTEND_PORT = 3000
WORKSPACE = "/workspace"
MIN_PASSWORD_LENGTH = 32
DATABASE_USER = "app"
DATABASE_USER_ID = "999:999"  # what the images call postgres and redis
APPLICATION_USER_ID = "1000:1000"
_LOOPBACK = "127.0.0.1"
_MIB = 1024**2

DEFAULT_LIMITS: Mapping[str, ServiceLimits] = {
    POSTGRES: ServiceLimits(cpus=1.0, memory_bytes=2048 * _MIB),
    REDIS: ServiceLimits(cpus=0.5, memory_bytes=512 * _MIB),
    BACKEND: ServiceLimits(cpus=1.0, memory_bytes=1024 * _MIB),
    FRONTEND: ServiceLimits(cpus=0.5, memory_bytes=512 * _MIB),
}


@dataclass(frozen=True, slots=True)
class StackPorts:
    """The host ports, on 127.0.0.1, one for each service."""

    postgres: int
    redis: int
    backend: int
    frontend: int


@dataclass(frozen=True, slots=True)
class StackSecrets:
    """Made once for a project and kept in its vault; URL-safe text of at least 32 characters."""

    database_password: str = field(repr=False)
    secret_key: str = field(repr=False)

    def __post_init__(self) -> None:
        for value in (self.database_password, self.secret_key):
            if len(value) < MIN_PASSWORD_LENGTH:
                raise ValueError(f"a secret has at least {MIN_PASSWORD_LENGTH} characters")


@dataclass(frozen=True, slots=True)
class StackLayout:
    """Where the two applications lie, relative to the project's folder, and what is imported."""

    backend_folder: str = "backend"
    backend_application: str = "main:app"
    frontend_folder: str = "frontend"


@dataclass(frozen=True, slots=True)
class StackImages:
    postgres: str = "postgres:16"
    redis: str = "redis:7"
    backend: str = "python:3.13-slim"
    frontend: str = "node:22-slim"


def default_stack(
    project_name: str,
    ports: StackPorts,
    secrets: StackSecrets,
    *,
    layout: StackLayout | None = None,
    limits: Mapping[str, ServiceLimits] | None = None,
    images: StackImages | None = None,
) -> Stack:
    """Return the stack. `limits` are the project's own, by service; others keep the defaults.

    ValueError names a service in `limits` that the stack does not have.
    """
    layout, images = layout or StackLayout(), images or StackImages()
    unknown = sorted(set(limits or {}) - set(DEFAULT_LIMITS))
    if unknown:
        raise ValueError(f"the default stack has no service {', '.join(unknown)}")
    chosen = {**DEFAULT_LIMITS, **(limits or {})}
    return Stack(
        project_name,
        (
            _postgres(project_name, ports, secrets, chosen[POSTGRES], images.postgres),
            _redis(ports, chosen[REDIS], images.redis),
            _backend(project_name, ports, secrets, layout, chosen[BACKEND], images.backend),
            _frontend(project_name, ports, layout, chosen[FRONTEND], images.frontend),
        ),
        (NamedVolume("postgres-data"), NamedVolume("redis-data")),
        (Network("default"),),
    )


def at_ports(stack: Stack, ports: Mapping[tuple[str, int, Protocol], int]) -> Stack:
    """Return a default stack with what its services are told about its ports of the host."""
    backend = ports.get((BACKEND, BACKEND_PORT, Protocol.TCP))
    if backend is None:
        return stack
    told = {"VITE_API_BASE_URL": _browser_address(backend)}
    return replace(
        stack,
        services=tuple(
            replace(service, environment={**service.environment, **told})
            if service.name == FRONTEND
            else service
            for service in stack.services
        ),
    )


def _browser_address(port: int) -> str:
    """Where the browser finds the backend: it is on the host."""
    return f"http://localhost:{port}"


def database_name(project_name: str) -> str:
    """Return the name of the project's database: dashes are not at home in SQL."""
    return project_name.replace("-", "_")


def _postgres(
    project_name: str, ports: StackPorts, secrets: StackSecrets, limits: ServiceLimits, image: str
) -> Service:
    database = database_name(project_name)
    return Service(
        name=POSTGRES,
        image=image,
        environment={
            "POSTGRES_USER": DATABASE_USER,
            "POSTGRES_PASSWORD": secrets.database_password,
            "POSTGRES_DB": database,
            "PGDATA": "/var/lib/postgresql/data/pgdata",
        },
        user=DATABASE_USER_ID,
        ports=(_port(POSTGRES_PORT, ports.postgres),),
        mounts=(VolumeMount("/var/lib/postgresql/data", "postgres-data"),),
        networks=(NetworkAttachment("default"),),
        health=_health(PostgresProbe(POSTGRES_PORT, DATABASE_USER, database), start=30),
        limits=limits,
        restart=_RESTART,
        stop_signal="SIGINT",  # a fast shutdown: sessions are ended, data is written
        stop_grace_seconds=30.0,
    )


def _redis(ports: StackPorts, limits: ServiceLimits, image: str) -> Service:
    return Service(
        name=REDIS,
        image=image,
        command=(
            *("redis-server", "--appendonly", "yes", "--dir", "/data"),
            *("--protected-mode", "no"),  # it is reached by the stack alone, and by no password
        ),
        user=DATABASE_USER_ID,
        ports=(_port(REDIS_PORT, ports.redis),),
        mounts=(VolumeMount("/data", "redis-data"),),
        networks=(NetworkAttachment("default"),),
        health=_health(RedisProbe(REDIS_PORT), start=10),
        limits=limits,
        restart=_RESTART,
    )


def _backend(
    project_name: str,
    ports: StackPorts,
    secrets: StackSecrets,
    layout: StackLayout,
    limits: ServiceLimits,
    image: str,
) -> Service:
    password = quote(secrets.database_password, safe="")
    database = database_name(project_name)
    address = f"{DATABASE_USER}:{password}@{POSTGRES}:{POSTGRES_PORT}"
    return Service(
        name=BACKEND,
        image=image,
        command=(
            *("python", "-m", "uvicorn", layout.backend_application),
            *("--host", "0.0.0.0", "--port", str(BACKEND_PORT)),  # noqa: S104 - of its own network
        ),
        environment={
            "DATABASE_URL": f"postgresql://{address}/{database}",
            "REDIS_URL": f"redis://{REDIS}:{REDIS_PORT}/0",
            "SECRET_KEY": secrets.secret_key,
            "PROJECT_NAME": project_name,
        },
        working_directory=_in_workspace(layout.backend_folder),
        user=APPLICATION_USER_ID,
        ports=(_port(BACKEND_PORT, ports.backend),),
        mounts=(BindMount(".", WORKSPACE),),
        networks=(NetworkAttachment("default"),),
        depends_on=(
            Dependency(POSTGRES, DependencyCondition.HEALTHY),
            Dependency(REDIS, DependencyCondition.HEALTHY),
        ),
        health=_health(HttpProbe(BACKEND_PORT, "/health"), start=60),
        limits=limits,
        restart=_RESTART,
        init=True,
    )


def _frontend(
    project_name: str, ports: StackPorts, layout: StackLayout, limits: ServiceLimits, image: str
) -> Service:
    return Service(
        name=FRONTEND,
        image=image,
        command=(
            *("npx", "vite", "--host", "0.0.0.0"),  # noqa: S104 - of its own network
            *("--port", str(FRONTEND_PORT), "--strictPort"),
        ),
        environment={
            "VITE_API_BASE_URL": _browser_address(ports.backend),
            "VITE_PROJECT_NAME": project_name,
        },
        working_directory=_in_workspace(layout.frontend_folder),
        user=APPLICATION_USER_ID,
        ports=(_port(FRONTEND_PORT, ports.frontend),),
        mounts=(BindMount(".", WORKSPACE),),
        networks=(NetworkAttachment("default"),),
        # Not healthy: its code asks the backend from the browser, and both take long to load.
        depends_on=(Dependency(BACKEND, DependencyCondition.STARTED),),
        health=_health(HttpProbe(FRONTEND_PORT), start=60),
        limits=limits,
        restart=_RESTART,
        init=True,
    )


_RESTART = RestartPolicy(RestartMode.UNLESS_STOPPED)


def _port(container: int, host: int) -> Port:
    return Port(container, PortRange(host, host), host_ip=_LOOPBACK)


def _health(probe: Probe, *, start: float) -> HealthCheck:
    return HealthCheck(
        probe,
        interval_seconds=5.0,
        timeout_seconds=5.0,
        retries=3,
        start_period_seconds=start,
        start_interval_seconds=0.2,
    )


def _in_workspace(folder: str) -> str:
    return WORKSPACE if folder == "." else f"{WORKSPACE}/{folder}"
