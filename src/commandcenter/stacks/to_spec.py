"""From a service of the stack model to an attempt, on runtimes that have no images.

Official images of well-known servers and languages are stood in for by the programs of this
machine (`stand_ins`), and that is said. Whatever cannot be kept of a definition is refused by name.
"""

import math
import re
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from commandcenter.runtimes.spec import (
    AttemptKind,
    AttemptSpec,
    Limits,
    PublishedPort,
    ServiceSpec,
    Volume,
    Workspace,
    WorkspaceAccess,
)
from commandcenter.stacks.default_stack import WORKSPACE
from commandcenter.stacks.errors import ServiceUnsupportedError
from commandcenter.stacks.health import (
    CommandProbe,
    HealthCheck,
    HttpProbe,
    ImageProbe,
    NoProbe,
    PostgresProbe,
    Probe,
    RedisProbe,
    ShellProbe,
    TcpProbe,
)
from commandcenter.stacks.model import Service, Stack
from commandcenter.stacks.prepared import (
    Check,
    CheckTimes,
    CommandCheck,
    HttpCheck,
    PostgresCheck,
    Prepared,
    RedisCheck,
    TcpCheck,
)
from commandcenter.stacks.probing import effective_health, with_implied_probe
from commandcenter.stacks.resources import (
    BindMount,
    GrantKind,
    Protocol,
    ServiceLimits,
    TmpfsMount,
    VolumeMount,
)
from commandcenter.stacks.stand_ins import StandIn, stand_in_for, volume_name

DEFAULT_CPUS = 1.0
DEFAULT_MEMORY_BYTES = 512 * 1024**2
DEFAULT_PIDS = 512
_TMP_BYTES = 256 * 1024**2
_LOG_BYTES = 16 * 1024**2
_TMPFS_BYTES = 64 * 1024**2
_APPLICATION_ID = 1000
_SECRETS = "/run/secrets/"
_MIN_SECRET = 8
_SECRET_NAME = re.compile(
    r"PASS|SECRET|TOKEN|KEY|CREDENTIAL|_DSN|DATABASE_URL|_URI$", re.IGNORECASE
)
_PASSWORD_IN_URL = re.compile(r"://[^/\s:@]*:[^/\s@]+@")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the stack runs."""

    project_id: str
    folder: Path  # the project's, checked
    data_directory: Path
    ports: Mapping[tuple[str, int], int]  # (service, its port): port of the host
    redact: tuple[str, ...] = ()  # the stack's own secrets

    def volume(self, name: str) -> Path:
        return self.data_directory / "volumes" / self.project_id / name


def attempt_id(project_id: str, service: str, number: int) -> str:
    """Return the id of a service's attempt: the same after a restart of the hub."""
    return f"{project_id}.{service}.{number}"


def prepare(service: Service, number: int, place: Place) -> Prepared:
    """Return what is started as the service's attempt `number`. Looks at the project's folder.

    Raises `ServiceUnsupportedError`, `ServiceNotPreparedError` or `ProgramMissingError`, none of
    which passes by itself.
    """
    _refuse_unsupported(service)
    limits = effective_limits(service.limits)
    stand_in = stand_in_for(service, place.folder, place.volume, limits.memory_bytes)
    secret = {name: value for name, value in service.environment.items() if _is_secret(name, value)}
    plain = {name: value for name, value in service.environment.items() if name not in secret}
    volumes, workspace = _mounts(service, stand_in, place)
    times, check = _check(service, stand_in)
    spec = AttemptSpec(
        attempt_id=attempt_id(place.project_id, service.name, number),
        kind=AttemptKind.SERVICE,
        command=stand_in.command,
        agent_directory=None,
        input_json=b"",
        workspace=workspace,
        limits=limits,
        timeout_seconds=math.inf,
        grace_seconds=service.stop_grace_seconds,
        environment={**stand_in.environment, **plain},
        secret_files={**_secret_files(service, place), **stand_in.secret_files},
        secret_environment=secret,
        redact=place.redact,
        service=ServiceSpec(
            network=place.project_id,
            names=_names(service),
            ports=_ports(service, place),
            volumes=tuple(volumes),
            programs=stand_in.programs,
            tmpfs={
                mount.target: mount.size_bytes or _TMPFS_BYTES
                for mount in service.mounts
                if isinstance(mount, TmpfsMount)
            },
            uid=stand_in.uid or _user(service.user),
            gid=stand_in.uid or _user(service.user),
            directory=stand_in.directory or service.working_directory or "/",
            stop_signal=_signal(service, stand_in),
            shm_bytes=service.limits.shm_bytes or _TMPFS_BYTES,
        ),
    )
    return Prepared(spec, check, times, stand_in.words)


def volumes_of(stack: Stack, place: Place) -> dict[Path, str]:
    """Return the volumes of all services, each with the first service that has it.

    Raises the errors of `prepare`.
    """
    home = place.volume("any").parent
    found: dict[Path, str] = {}
    for service in stack.services:
        spec = prepare(service, 1, place).spec.service
        for volume in spec.volumes if spec is not None else ():
            if volume.source.parent == home:
                found.setdefault(volume.source, service.name)
    return found


def effective_limits(asked: ServiceLimits) -> Limits:
    """Return the hard limits: what was asked for, else the defaults."""
    return Limits(
        cpu=asked.cpus or DEFAULT_CPUS,
        memory_bytes=asked.memory_bytes or DEFAULT_MEMORY_BYTES,
        pids=asked.pids or DEFAULT_PIDS,
        disk_bytes=_TMP_BYTES,
        log_bytes=_LOG_BYTES,
    )


def _refuse_unsupported(service: Service) -> None:
    reasons = []
    if service.build is not None:
        reasons.append(f"it is built from {service.build.dockerfile}")
    if service.extra_hosts:
        reasons.append("extra_hosts cannot be added")
    if service.cap_add:
        reasons.append(f"capabilities are never added ({', '.join(service.cap_add)})")
    if service.ulimits:
        reasons.append("ulimits cannot be set")
    udp = [str(port.container) for port in service.ports if port.protocol is Protocol.UDP]
    if udp:
        reasons.append(f"UDP ports cannot be published ({', '.join(udp)})")
    files = [
        grant.name
        for grant in service.files
        if grant.kind is not GrantKind.SECRET or not grant.target.startswith(_SECRETS)
    ]
    if files:
        reasons.append(f"configs and secrets outside {_SECRETS} ({', '.join(files)})")
    if reasons:
        raise ServiceUnsupportedError(
            f"{service.name} cannot run on the sandbox: {'; '.join(reasons)}.",
            hint="The Docker runtime is for that.",
            fields={"service": service.name},
        )


def _is_secret(name: str, value: str) -> bool:
    if len(value) < _MIN_SECRET:
        return False
    return bool(_SECRET_NAME.search(name) or _PASSWORD_IN_URL.search(value))


def _names(service: Service) -> tuple[str, ...]:
    aliases = [alias for network in service.networks for alias in network.aliases]
    if service.hostname is not None:
        aliases.append(service.hostname)
    return tuple(dict.fromkeys((service.name, *aliases)))


def _ports(service: Service, place: Place) -> tuple[PublishedPort, ...]:
    return tuple(
        PublishedPort(place.ports[service.name, port.container], port.container)
        for port in service.ports
        if (service.name, port.container) in place.ports
    )


def _mounts(
    service: Service, stand_in: StandIn, place: Place
) -> tuple[list[Volume], Workspace | None]:
    volumes: list[Volume] = []
    workspace: Workspace | None = None
    for mount in service.mounts:
        if isinstance(mount, VolumeMount):
            source = place.volume(volume_name(service, mount))
            if stand_in.data is not None and _holds(stand_in, mount.target):
                volumes.append(Volume(source, stand_in.data))
            else:
                volumes.append(Volume(source, mount.target, writable=not mount.read_only))
        elif isinstance(mount, BindMount):
            access = WorkspaceAccess.READ if mount.read_only else WorkspaceAccess.WRITE
            if workspace is None or access is WorkspaceAccess.WRITE:
                workspace = Workspace(place.folder, access)
            if (mount.source, mount.target) != (".", WORKSPACE):
                source = place.folder / mount.source
                volumes.append(Volume(source, mount.target, writable=not mount.read_only))
    if stand_in.data is not None and all(each.target != stand_in.data for each in volumes):
        # Without a volume in the definition the data lives as long as the stack's own directory.
        volumes.append(Volume(place.volume(f"{service.name}-data"), stand_in.data))
    return volumes, workspace


def _holds(stand_in: StandIn, target: str) -> bool:
    """Whether the server's data lies in a volume mounted at `target`."""
    return stand_in.data is not None and (
        stand_in.data == target or stand_in.data.startswith(f"{target}/")
    )


def _secret_files(service: Service, place: Place) -> dict[str, str]:
    found = {}
    for grant in service.files:
        if grant.content is not None:
            found[grant.target.removeprefix(_SECRETS)] = grant.content
        elif grant.source is not None:
            found[grant.target.removeprefix(_SECRETS)] = _project_file(service, place, grant.source)
    return found


def _project_file(service: Service, place: Place, source: str) -> str:
    from commandcenter.stacks.compose.files import FolderFiles, ProjectFileError  # noqa: PLC0415

    try:
        return FolderFiles(place.folder).read(source)
    except ProjectFileError as error:
        raise ServiceUnsupportedError(
            f"A secret of {service.name} cannot be read: {error}."
        ) from error


def _user(user: str | None) -> int:
    """Return the user's number; nobody is root, and names are known to images alone."""
    number = (user or "").partition(":")[0]
    return int(number) if number.isdigit() and int(number) > 0 else _APPLICATION_ID


def _signal(service: Service, stand_in: StandIn) -> int:
    if service.stop_signal is None:
        return stand_in.stop_signal
    try:
        return signal.Signals[service.stop_signal]
    except KeyError:
        return stand_in.stop_signal


def _check(service: Service, stand_in: StandIn) -> tuple[CheckTimes, Check | None]:
    health = effective_health(service)
    if health is not None and isinstance(health.probe, ImageProbe):
        health = with_implied_probe(service, health)
    times = health or HealthCheck(NoProbe())
    made = CheckTimes(
        times.interval_seconds,
        times.timeout_seconds,
        times.retries,
        times.start_period_seconds,
        times.start_interval_seconds,
    )
    return made, None if health is None else _probe(health.probe, stand_in)


def _probe(probe: Probe, stand_in: StandIn) -> Check | None:
    check: Check | None = None
    match probe:
        case CommandProbe(command):
            check = CommandCheck(command)
        case ShellProbe(script):
            check = CommandCheck(("/bin/sh", "-c", script))
        case PostgresProbe(port, user, database):
            check = PostgresCheck(port, user, database)
        case RedisProbe(port):
            check = RedisCheck(port, stand_in.password)
        case HttpProbe(port, path):
            check = HttpCheck(port, path)
        case TcpProbe(port):
            check = TcpCheck(port)
        case ImageProbe() | NoProbe():
            pass
    return check
