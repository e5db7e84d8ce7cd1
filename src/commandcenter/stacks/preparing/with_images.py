"""From a service of the stack model to an attempt, on runtimes that have images."""

import math

from commandcenter.runtimes.capabilities import Capabilities, Feature
from commandcenter.runtimes.images import Image, ImageFacts
from commandcenter.runtimes.spec import (
    AttemptKind,
    AttemptSpec,
    ServiceSpec,
    Ulimit,
    Volume,
    Workspace,
    WorkspaceAccess,
)
from commandcenter.stacks.compose.files import FolderFiles, PathKind, ProjectFileError
from commandcenter.stacks.default_stack import WORKSPACE
from commandcenter.stacks.errors import ServiceUnsupportedError
from commandcenter.stacks.hardening import hardening
from commandcenter.stacks.model import Service
from commandcenter.stacks.prepared import Prepared
from commandcenter.stacks.preparing import common
from commandcenter.stacks.preparing.default_apps import completed
from commandcenter.stacks.preparing.features import refuse_unmet
from commandcenter.stacks.preparing.image_health import health_in
from commandcenter.stacks.preparing.known_images import KnownImage, known_image
from commandcenter.stacks.preparing.place import Place, attempt_id
from commandcenter.stacks.preparing.users import User, user_in
from commandcenter.stacks.preparing.wanted import image_wanted
from commandcenter.stacks.resources import BindMount, GrantKind, TmpfsMount, VolumeMount

_SHORT_ID = 19  # sha256: and 12 digits
_HOME = "/tmp"  # noqa: S108 - inside
_NOTHING = KnownImage("", 0)


def check(service: Service, place: Place, can: Capabilities) -> None:
    """Raise what stands against the service before any image is looked at. Reads the folder."""
    refuse_unmet(service, can)
    common.refuse_root(service)
    image_wanted(completed(service, place), place)
    for _ in common.grants(service, place):
        pass
    _mounts(service, place)


def prepare(
    service: Service, number: int, place: Place, can: Capabilities, facts: ImageFacts
) -> Prepared:
    """Return what is started as the service's attempt `number`, in the image of these facts.

    `service` is as `completed` made it. Raises `ServiceUnsupportedError`, which does not pass.
    """
    known = known_image(service.image) if service.build is None else None
    user = user_in(service, place, facts, known)
    plain, secret = common.split_environment(service)
    volumes, workspace = _mounts(service, place)
    times, asked = common.check_of(
        health_in(service, facts),
        redis_password=common.password_of_redis(service.command or ()),
    )
    spec = AttemptSpec(
        attempt_id=attempt_id(place.project_id, service.name, number),
        kind=AttemptKind.SERVICE,
        command=_command(service, facts),
        agent_directory=None,
        input_json=b"",
        workspace=workspace,
        limits=common.effective_limits(service.limits),
        timeout_seconds=math.inf,
        grace_seconds=service.stop_grace_seconds,
        environment={**_home(service, facts, user, known), **plain},
        secret_files=common.secret_files(service, place),
        secret_environment=secret,
        redact=(*place.redact, *_secrets_elsewhere(service, place)),
        image=Image(facts.reference, entrypoint=()),
        service=ServiceSpec(
            network=place.project_id,
            names=common.host_names(service),
            ports=common.published_ports(service, place.ports),
            volumes=(*volumes, *_declared_volumes(service, place, facts)),
            tmpfs={**(known or _NOTHING).tmpfs, **common.tmpfs(service)},
            uid=user.uid,
            gid=user.gid,
            directory=service.working_directory or facts.working_directory or "/",
            stop_signal=_stop_signal(service, facts),
            shm_bytes=service.limits.shm_bytes or common.TMPFS_BYTES,
            read_only_root=_is_read_only(service, place, can, known),
            init=service.init,
            tty=service.tty and Feature.TTY in can.features,
            hosts=tuple((host.name, host.address) for host in service.extra_hosts),
            ulimits=tuple(Ulimit(each.name, each.soft, each.hard) for each in service.ulimits),
            files=common.granted_files(service, place),
            capabilities=service.cap_add,
        ),
    )
    shown = hardening(service, spec, can, user_is_asked=user.is_asked)
    words = _words(service, facts)
    return Prepared(
        spec, asked, times, words, accepted=place.accepted, hardening=shown, image=facts
    )


def _command(service: Service, facts: ImageFacts) -> tuple[str, ...]:
    """Return the whole argv. As in Compose, an entrypoint of one's own drops the image's command.

    It is made here and not left to the engine, where an empty command means the image's.
    """
    if service.entrypoint is not None:
        argv = (*service.entrypoint, *(service.command or ()))
    elif service.command is not None:
        argv = (*facts.entrypoint, *service.command)
    else:
        argv = (*facts.entrypoint, *facts.command)
    if not argv:
        raise ServiceUnsupportedError(
            f"{service.name} has nothing to run: neither its definition nor its image has a "
            "command.",
            hint="Write what is to be run as command.",
            fields={"service": service.name},
        )
    return argv


def _home(
    service: Service, facts: ImageFacts, user: User, known: KnownImage | None
) -> dict[str, str]:
    """Who runs as another user than the image thinks of has no home of its own to write in."""
    if known is not None or user.uid == facts.uid or "HOME" in service.environment:
        return {}
    return {"HOME": _HOME}


def _is_read_only(
    service: Service, place: Place, can: Capabilities, known: KnownImage | None
) -> bool:
    if service.read_only or place.is_default or Feature.WRITABLE_ROOT not in can.features:
        return True
    return known is not None and known.works_read_only


def _stop_signal(service: Service, facts: ImageFacts) -> int:
    for asked in (service.stop_signal, facts.stop_signal, "SIGTERM"):
        number = common.signal_number(asked)
        if number is not None:
            return number
    raise AssertionError


def _mounts(service: Service, place: Place) -> tuple[list[Volume], Workspace | None]:
    volumes: list[Volume] = []
    workspace: Workspace | None = None
    for mount in service.mounts:
        if isinstance(mount, VolumeMount):
            volumes.append(
                Volume(
                    place.volume(common.volume_name(service, mount)),
                    mount.target,
                    writable=not mount.read_only,
                    copy_image_content=mount.copy_image_content,
                )
            )
        elif isinstance(mount, BindMount):
            access = WorkspaceAccess.READ if mount.read_only else WorkspaceAccess.WRITE
            if workspace is None or access is WorkspaceAccess.WRITE:
                workspace = Workspace(place.folder, access)
            if (mount.source, mount.target) != (".", WORKSPACE):
                _refuse_missing(service, mount, place)
                source = place.folder / mount.source
                volumes.append(Volume(source, mount.target, writable=not mount.read_only))
    return volumes, workspace


def _refuse_missing(service: Service, mount: BindMount, place: Place) -> None:
    try:
        kind = FolderFiles(place.folder).kind(mount.source)
    except ProjectFileError as error:
        raise ServiceUnsupportedError(
            f"{mount.source} cannot be mounted into {service.name}: {error}.",
            fields={"service": service.name},
        ) from error
    if kind not in {PathKind.FILE, PathKind.FOLDER}:
        raise ServiceUnsupportedError(
            f"{service.name} has {mount.source} mounted, which is no file and no folder of the "
            "project.",
            hint="Make it, nothing is written into the project's folder; or use a named volume.",
            fields={"service": service.name},
        )


def _declared_volumes(service: Service, place: Place, facts: ImageFacts) -> list[Volume]:
    """What the image wants kept is kept for the service, as that of a volume without a name."""
    taken = {
        mount.target.rstrip("/")
        for mount in service.mounts
        if isinstance(mount, VolumeMount | BindMount | TmpfsMount)
    }
    return [
        Volume(place.volume(common.own_volume_name(service, target)), target)
        for target in facts.volumes
        if target.rstrip("/") not in taken
    ]


def _secrets_elsewhere(service: Service, place: Place) -> tuple[str, ...]:
    return tuple(
        content
        for grant, content in common.grants(service, place)
        if grant.kind is GrantKind.SECRET and not common.is_secret_file(grant)
    )


def _words(service: Service, facts: ImageFacts) -> str:
    if service.build is not None:
        return f"runs what {service.build.dockerfile} builds ({facts.reference[:_SHORT_ID]})"
    return f"runs the image {service.image} ({facts.reference[:_SHORT_ID]})"
