"""From a service's request to the shape of its sandbox. Starts nothing."""

import os
from dataclasses import replace
from pathlib import Path

from commandcenter.runner.errors import BadRequestError
from commandcenter.runner.paths import RunnerPaths
from commandcenter.runner.plan import Bind, SandboxPlan, plan_sandbox
from commandcenter.runner.request import JobRequest
from commandcenter.runner.service import ServiceRequest, Volume
from commandcenter.runner.spawn import Identity

USER = "service"


def plan_service(
    request: JobRequest, service: ServiceRequest, paths: RunnerPaths, hosts_file: str
) -> SandboxPlan:
    """Raises `BadRequestError` when a path of the request is not what it must be.

    Volumes lie in the data directory's `volumes`, or in the project's own folder if the service
    may see that; nothing else of the host is ever mounted.
    """
    plan = plan_sandbox(request, str(paths.data))
    binds = list(plan.binds)
    shown = {bind.target for bind in binds}
    for path in service.programs:
        real = os.path.realpath(path)
        if any(Path(path).is_relative_to(place) for place in shown):
            continue
        if real != path or not Path(path).is_dir():
            raise BadRequestError(f"{path} is not the real path of a directory.")
        if Path(paths.data).is_relative_to(path):
            raise BadRequestError("The hub's own data directory cannot be given to a service.")
        binds.append(Bind(path, path))
    binds += [_bind(volume, request, paths) for volume in service.volumes]
    binds.append(Bind(hosts_file, "/etc/hosts"))
    home = f"/home/{USER}"
    own = {"HOME": home, "USER": USER, "LOGNAME": USER}
    base = {**plan.base_environment, **own}
    return replace(
        plan,
        binds=tuple(binds),
        environment={
            **plan.environment,
            **own,
            **request.environment,
            **request.secret_environment,
        },
        base_environment=base,
        directory=service.directory,
        service=True,
        user=USER,
        uid=service.uid,
        gid=service.gid,
        hostname=service.names[0],
        tmpfs=service.tmpfs,
        shm_bytes=service.shm_bytes,
    )


def _bind(volume: Volume, request: JobRequest, paths: RunnerPaths) -> Bind:
    source = os.path.realpath(volume.source)
    if Path(source).is_relative_to(paths.volumes.resolve()) and source != str(paths.volumes):
        return Bind(source, volume.target, writable=volume.writable)
    folder = request.workspace and os.path.realpath(request.workspace)
    if folder and Path(source).is_relative_to(folder):
        if volume.writable and not request.workspace_writable:
            raise BadRequestError(
                f"{volume.source} is to be writable, but the service may only read its project."
            )
        if not Path(source).exists():
            raise BadRequestError(f"{volume.source} does not exist in the project's folder.")
        return Bind(source, volume.target, writable=volume.writable)
    raise BadRequestError(
        f"{volume.source} cannot be mounted: it lies outside the project's folder.",
        hint="Give the service a named volume, or a path within the project.",
    )


def prepare_volumes(binds: tuple[Bind, ...], paths: RunnerPaths, identity: Identity | None) -> None:
    """Make the volumes that are not there yet, owned by whom the service is outside."""
    for bind in binds:
        path = Path(bind.source)
        if path.is_relative_to(paths.volumes) and not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.mkdir(mode=0o700)
            if identity is not None:
                os.chown(path, identity.uid, identity.gid)
