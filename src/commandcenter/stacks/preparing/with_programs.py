"""From a service of the stack model to an attempt, on runtimes that have no images.

Official images of well-known servers and languages are stood in for by the programs of this
machine (`stand_ins`), and that is said. Whatever cannot be kept of a definition is refused by name.
"""

import math

from commandcenter.runtimes.capabilities import Capabilities
from commandcenter.runtimes.spec import (
    AttemptKind,
    AttemptSpec,
    ServiceSpec,
    Volume,
    Workspace,
    WorkspaceAccess,
)
from commandcenter.stacks.default_stack import WORKSPACE
from commandcenter.stacks.hardening import hardening
from commandcenter.stacks.health import HealthCheck, ImageProbe
from commandcenter.stacks.model import Service
from commandcenter.stacks.prepared import Prepared
from commandcenter.stacks.preparing import common
from commandcenter.stacks.preparing.features import refuse_unmet
from commandcenter.stacks.preparing.place import Place, attempt_id
from commandcenter.stacks.preparing.stand_ins import StandIn, stand_in_for
from commandcenter.stacks.probing import effective_health, with_implied_probe
from commandcenter.stacks.resources import BindMount, VolumeMount
from commandcenter.stacks.volumes import refuse_gone


def prepare(service: Service, number: int, place: Place, can: Capabilities) -> Prepared:
    """Return what is started as the service's attempt `number`. Looks at the project's folder.

    Raises `ServiceUnsupportedError`, `ServiceNotPreparedError`, `ProgramMissingError` or
    `VolumeGoneError`, none of which passes by itself.
    """
    refuse_unmet(service, can)
    common.refuse_root(service)
    limits = common.effective_limits(service.limits)
    stand_in = stand_in_for(service, place.folder, place.volume, limits.memory_bytes)
    plain, secret = common.split_environment(service)
    volumes, workspace = _mounts(service, stand_in, place)
    times, check = common.check_of(_health(service), redis_password=stand_in.password)
    user = stand_in.uid or _user(service.user)
    signal_number = common.signal_number(service.stop_signal)
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
        secret_files={**common.secret_files(service, place), **stand_in.secret_files},
        secret_environment=secret,
        redact=place.redact,
        service=ServiceSpec(
            network=place.project_id,
            names=common.host_names(service),
            ports=common.published_ports(service, place.ports),
            volumes=tuple(volumes),
            programs=stand_in.programs,
            tmpfs=common.tmpfs(service),
            uid=user,
            gid=user,
            directory=stand_in.directory or service.working_directory or "/",
            stop_signal=stand_in.stop_signal if signal_number is None else signal_number,
            shm_bytes=service.limits.shm_bytes or common.TMPFS_BYTES,
        ),
    )
    refuse_gone(service.name, spec, place.volumes)
    shown = hardening(service, spec, can, user_is_asked=user == _asked_user(service.user))
    return Prepared(
        spec,
        check,
        times,
        stand_in.words,
        accepted=place.accepted,
        volumes=place.volumes,
        hardening=shown,
    )


def _mounts(
    service: Service, stand_in: StandIn, place: Place
) -> tuple[list[Volume], Workspace | None]:
    volumes: list[Volume] = []
    workspace: Workspace | None = None
    for mount in service.mounts:
        if isinstance(mount, VolumeMount):
            source = place.volume(common.volume_name(service, mount))
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


def _asked_user(user: str | None) -> int | None:
    """Return the number of the user asked for; names are known to images alone."""
    number = (user or "").partition(":")[0]
    return int(number) if number.isdigit() else None


def _user(user: str | None) -> int:
    return _asked_user(user) or common.APPLICATION_ID


def _health(service: Service) -> HealthCheck | None:
    health = effective_health(service)
    if health is not None and isinstance(health.probe, ImageProbe):
        return with_implied_probe(service, health)
    return health
