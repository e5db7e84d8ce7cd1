"""From a service's request to the shape of its sandbox. Starts nothing."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from commandcenter.runner import kernel
from commandcenter.runner.errors import BadRequestError, IsolationError
from commandcenter.runner.interpreter import own_interpreter
from commandcenter.runner.paths import RunnerPaths
from commandcenter.runner.plan import Bind, SandboxPlan, hidden_places, plan_sandbox
from commandcenter.runner.request import JobRequest
from commandcenter.runner.service import NETWORK_NAME, ServiceRequest, Volume
from commandcenter.runner.spawn import Identity

USER = "service"
_NAME_SOURCES = "/etc/nsswitch.conf"
_VOLUME_DEPTH = 2  # PROJECT/NAME


def plan_service(
    request: JobRequest,
    service: ServiceRequest,
    paths: RunnerPaths,
    *,
    hosts_file: str | None,
    neighbours: Iterable[str] = (),
    userland: bool = True,
) -> SandboxPlan:
    """Raises `BadRequestError` when a path of the request is not what it must be.

    Without a `hosts_file` names are looked up by whoever runs the service.

    Volumes lie in the data directory's `volumes`, or in the project's own folder if the service
    may see that; nothing else of the host is ever mounted.
    """
    plan = plan_sandbox(request, str(paths.data), userland=userland)
    binds = [bind for bind in plan.binds if bind.target != _NAME_SOURCES]
    files = dict(plan.files)
    if userland:
        hosts = "files" if hosts_file else "files dns"
        files[_NAME_SOURCES] = f"passwd: files\ngroup: files\nhosts: {hosts}\n".encode()
    links = plan.links
    interpreter = own_interpreter()
    shown = {bind.target for bind in binds}
    for path in service.programs:
        real = os.path.realpath(path)
        if any(Path(path).is_relative_to(place) for place in shown):
            continue
        if real != path or not Path(path).is_dir():
            raise BadRequestError(f"{path} is not the real path of a directory.")
        if path in interpreter.trees:  # where the data directory is covered
            links = tuple(dict.fromkeys((*links, *interpreter.links)))
        elif Path(paths.data).is_relative_to(path):
            raise BadRequestError("The hub's own data directory cannot be given to a service.")
        binds.append(Bind(path, path))
    binds += [_bind(volume, request, paths) for volume in service.volumes]
    _check_mount_points(service, binds)
    if hosts_file is not None:
        binds.append(Bind(hosts_file, "/etc/hosts"))
    own = {"HOME": f"/home/{USER}", "USER": USER, "LOGNAME": USER} if userland else {}
    if request.network_allow:  # its proxy is for the world, not for the services beside it
        direct = ",".join(("localhost", "127.0.0.1", "::1", *neighbours))
        own |= dict.fromkeys(("NO_PROXY", "no_proxy"), direct)
    base = {**plan.base_environment, **own}
    return replace(
        plan,
        binds=tuple(binds),
        links=links,
        files=tuple(files.items()),
        covered=hidden_places(binds, str(paths.data)),
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
    if Path(source).is_relative_to(paths.volumes) or volume.source.startswith(f"{paths.volumes}/"):
        check_own_volume(volume.source, source, paths)
        return Bind(source, volume.target, writable=volume.writable)
    folder = request.workspace and os.path.realpath(request.workspace)
    if not folder or not Path(source).is_relative_to(folder):
        raise BadRequestError(
            f"{volume.source} cannot be mounted: it lies outside the project's folder.",
            hint="Give the service a named volume, or a path within the project.",
        )
    if volume.writable and not request.workspace_writable:
        raise BadRequestError(
            f"{volume.source} is to be writable, but the service may only read its project."
        )
    if not Path(source).exists():
        raise BadRequestError(f"{volume.source} does not exist in the project's folder.")
    return Bind(source, volume.target, writable=volume.writable)


def check_own_volume(given: str, real: str, paths: RunnerPaths) -> None:
    """Volumes of the data directory lie side by side, so that none is in another's hands.

    Raises `BadRequestError`.
    """
    place = Path(given)
    parts = place.parts[len(paths.volumes.parts) :]
    fits = place.is_relative_to(paths.volumes) and len(parts) == _VOLUME_DEPTH
    if not fits or given != real or not all(NETWORK_NAME.fullmatch(part) for part in parts):
        raise BadRequestError(
            f"{given} is not the place of a volume.",
            hint=f"A volume is a directory {paths.volumes}/PROJECT/NAME.",
        )


def _check_mount_points(service: ServiceRequest, binds: list[Bind]) -> None:
    """Refuse a place behind a symbolic link in a folder that others can write.

    bubblewrap would follow it when it makes the place.
    """
    places = [volume.target for volume in service.volumes] + [path for path, _ in service.tmpfs]
    for place in places:
        for bind in binds:
            if not bind.owned or not place.startswith(f"{bind.target}/"):
                continue
            path = bind.source
            for part in place[len(bind.target) + 1 :].split("/"):
                path = f"{path}/{part}"
                if Path(path).is_symlink():
                    raise BadRequestError(f"{place} cannot be mounted: {path} is a symbolic link.")


def prepare_volumes(binds: tuple[Bind, ...], paths: RunnerPaths, identity: Identity | None) -> None:
    """Make the volumes that are not there yet, owned by whom the service is outside."""
    for bind in binds:
        path = Path(bind.source)
        if path.is_relative_to(paths.volumes) and not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.mkdir(mode=0o700)
            if identity is not None:
                os.chown(path, identity.uid, identity.gid)


@dataclass(slots=True)
class SharedFolders:
    """Parts of the project's folder that are to be mounted, held from before to after.

    Whoever can write in the folder could put a symbolic link in the place of a part between the
    check of its path and the mount. What was mounted in the end is therefore compared with what
    was opened, without following links, in the beginning.
    """

    held: list[tuple[str, int]] = field(default_factory=list)

    @classmethod
    def open(cls, service: ServiceRequest, plan: SandboxPlan, paths: RunnerPaths) -> Self:
        """Raises `BadRequestError`."""
        targets = {volume.target for volume in service.volumes}
        opened = cls()
        for bind in plan.binds:
            if bind.target in targets and not Path(bind.source).is_relative_to(paths.volumes):
                try:
                    opened.held.append((bind.target, kernel.open_without_links(bind.source)))
                except OSError as error:
                    opened.close()
                    raise BadRequestError(f"{bind.source} cannot be mounted: {error}.") from error
        return opened

    def verify(self, init_pid: int) -> None:
        """Compare with what a standing sandbox has. Raises `IsolationError`."""
        if not self.held:
            return
        root = os.open(f"/proc/{init_pid}/root", os.O_PATH | os.O_CLOEXEC)
        try:
            for target, fd in self.held:
                inside = os.stat(target[1:], dir_fd=root, follow_symlinks=False)
                if not os.path.samestat(inside, os.fstat(fd)):
                    raise IsolationError(
                        f"What was mounted at {target} is not what lay in the project's folder.",
                        hint="A program changed the folder meanwhile; start the service again.",
                    )
        except OSError as error:
            raise IsolationError(f"A mounted folder cannot be checked: {error}.") from error
        finally:
            os.close(root)

    def close(self) -> None:
        for _, fd in self.held:
            os.close(fd)
        self.held.clear()
