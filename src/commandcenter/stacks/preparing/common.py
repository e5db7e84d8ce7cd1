"""What is taken over from a service's definition alike, whatever runs it."""

import hashlib
import re
import signal
from collections.abc import Iterator, Mapping

from commandcenter.runtimes.spec import GrantedFile, Limits, PublishedPort
from commandcenter.stacks.compose.files import FolderFiles, ProjectFileError
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
from commandcenter.stacks.model import Service
from commandcenter.stacks.ports import Key
from commandcenter.stacks.prepared import (
    Check,
    CheckTimes,
    CommandCheck,
    HttpCheck,
    PostgresCheck,
    RedisCheck,
    TcpCheck,
)
from commandcenter.stacks.preparing.place import Place
from commandcenter.stacks.resources import (
    FileGrant,
    GrantKind,
    ServiceLimits,
    TmpfsMount,
    VolumeMount,
)

DEFAULT_CPUS = 1.0
DEFAULT_MEMORY_BYTES = 512 * 1024**2
DEFAULT_PIDS = 512
TMP_BYTES = 256 * 1024**2
TMPFS_BYTES = 64 * 1024**2
APPLICATION_ID = 1000
SECRETS = "/run/secrets/"
_LOG_BYTES = 16 * 1024**2
_MIN_SECRET = 8
_SECRET_NAME = re.compile(
    r"PASS|SECRET|TOKEN|KEY|CREDENTIAL|_DSN|DATABASE_URL|_URI$", re.IGNORECASE
)
_PASSWORD_IN_URL = re.compile(r"://[^/\s:@]*:[^/\s@]+@")
_ROOT = re.compile(r"root|0+")


def effective_limits(asked: ServiceLimits) -> Limits:
    """Return the hard limits: what was asked for, else the defaults."""
    return Limits(
        cpu=asked.cpus or DEFAULT_CPUS,
        memory_bytes=asked.memory_bytes or DEFAULT_MEMORY_BYTES,
        pids=asked.pids or DEFAULT_PIDS,
        disk_bytes=TMP_BYTES,
        log_bytes=_LOG_BYTES,
    )


def split_environment(service: Service) -> tuple[dict[str, str], dict[str, str]]:
    """Return the environment without, and that with, what looks like a secret."""
    secret = secret_environment(service)
    plain = {name: value for name, value in service.environment.items() if name not in secret}
    return plain, secret


def secret_environment(service: Service) -> dict[str, str]:
    """Return the variables that look like secrets."""
    return {name: value for name, value in service.environment.items() if _is_secret(name, value)}


def _is_secret(name: str, value: str) -> bool:
    if len(value) < _MIN_SECRET:
        return False
    return bool(_SECRET_NAME.search(name) or _PASSWORD_IN_URL.search(value))


def host_names(service: Service) -> tuple[str, ...]:
    aliases = [alias for network in service.networks for alias in network.aliases]
    if service.hostname is not None:
        aliases.append(service.hostname)
    return tuple(dict.fromkeys((service.name, *aliases)))


def published_ports(service: Service, given: Mapping[Key, int]) -> tuple[PublishedPort, ...]:
    return tuple(
        PublishedPort(
            given[service.name, port.container, port.protocol],
            port.container,
            protocol=port.protocol.value,
        )
        for port in service.ports
        if (service.name, port.container, port.protocol) in given
    )


def tmpfs(service: Service) -> dict[str, int]:
    return {
        mount.target: mount.size_bytes or TMPFS_BYTES
        for mount in service.mounts
        if isinstance(mount, TmpfsMount)
    }


def volume_name(service: Service, mount: VolumeMount) -> str:
    """Return the name of the volume's directory, unique in the project."""
    return mount.volume or own_volume_name(service, mount.target)


def own_volume_name(service: Service, target: str) -> str:
    """Return the name of a volume that is known by service and target alone."""
    return f"{service.name}-{hashlib.sha256(target.encode()).hexdigest()[:12]}"


def refuse_root(service: Service) -> None:
    """Raise `ServiceUnsupportedError` when the definition asks for root, which nobody gets."""
    user = (service.user or "").partition(":")[0]
    if _ROOT.fullmatch(user):
        raise ServiceUnsupportedError(
            f"{service.name} is to run as root (user: {service.user}), and no service does.",
            hint="Take the user away, or name another one.",
            fields={"service": service.name},
        )


def grants(service: Service, place: Place) -> Iterator[tuple[FileGrant, str]]:
    """Yield each file that is given to the service, with its content as it is now.

    Raises `ServiceUnsupportedError` when one cannot be read.
    """
    for grant in service.files:
        if grant.content is not None:
            yield grant, grant.content
        elif grant.source is not None:
            yield grant, _project_file(service, place, grant)


def _project_file(service: Service, place: Place, grant: FileGrant) -> str:
    try:
        return FolderFiles(place.folder).read(grant.source or "")
    except ProjectFileError as error:
        raise ServiceUnsupportedError(
            f"The {grant.kind.value} {grant.name} of {service.name} cannot be read: {error}.",
            fields={"service": service.name},
        ) from error


def is_secret_file(grant: FileGrant) -> bool:
    """Whether it lies where every runtime keeps secrets, as every runtime gives them."""
    name = grant.target.removeprefix(SECRETS)
    return grant.kind is GrantKind.SECRET and name != grant.target and "/" not in name


def secret_files(service: Service, place: Place) -> dict[str, str]:
    return {
        grant.target.removeprefix(SECRETS): content
        for grant, content in grants(service, place)
        if is_secret_file(grant)
    }


def granted_files(service: Service, place: Place) -> tuple[GrantedFile, ...]:
    """Return the files that are not simply secrets, for runtimes with `Feature.FILES`."""
    return tuple(
        GrantedFile(
            grant.target,
            content.encode(),
            grant.mode
            if grant.mode is not None
            else (0o400 if grant.kind is GrantKind.SECRET else 0o444),
        )
        for grant, content in grants(service, place)
        if not is_secret_file(grant)
    )


def signal_number(name: str | None) -> int | None:
    """Return the number of SIGINT, INT or 2; None if it is not known."""
    if name is None:
        return None
    text = name.strip().upper()
    try:
        if text.isdigit():
            return signal.Signals(int(text)).value
        return signal.Signals[text if text.startswith("SIG") else f"SIG{text}"].value
    except (KeyError, ValueError):
        return None


def check_of(
    health: HealthCheck | None, *, redis_password: str | None = None
) -> tuple[CheckTimes, Check | None]:
    """Return how health is asked; without a check there is nothing to ask."""
    times = health or HealthCheck(NoProbe())
    made = CheckTimes(
        times.interval_seconds,
        times.timeout_seconds,
        times.retries,
        times.start_period_seconds,
        times.start_interval_seconds,
    )
    return made, None if health is None else _check(health.probe, redis_password)


def _check(probe: Probe, redis_password: str | None) -> Check | None:
    check: Check | None = None
    match probe:
        case CommandProbe(command):
            check = CommandCheck(command)
        case ShellProbe(script):
            check = CommandCheck(("/bin/sh", "-c", script))
        case PostgresProbe(port, user, database):
            check = PostgresCheck(port, user, database)
        case RedisProbe(port):
            check = RedisCheck(port, redis_password)
        case HttpProbe(port, path):
            check = HttpCheck(port, path)
        case TcpProbe(port):
            check = TcpCheck(port)
        case ImageProbe() | NoProbe():
            pass
    return check


def password_of_redis(arguments: tuple[str, ...]) -> str | None:
    """Return the password that a Redis with these arguments asks for; None if for none."""
    if "--requirepass" not in arguments[:-1]:
        return None
    return arguments[arguments.index("--requirepass") + 1]
