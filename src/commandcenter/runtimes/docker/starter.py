"""Start one attempt in a container: everything that happens before its first instruction."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from commandcenter.runner.errors import BadRequestError, IsolationError
from commandcenter.runner.plan import SandboxPlan, plan_sandbox
from commandcenter.runner.request import JobRequest
from commandcenter.runner.service_plan import SharedFolders, plan_service
from commandcenter.runner.spawn import Identity
from commandcenter.runtimes.docker import config
from commandcenter.runtimes.docker.config import Mount, Shape
from commandcenter.runtimes.docker.engine import EngineError
from commandcenter.runtimes.docker.parts import Parts
from commandcenter.runtimes.docker.places import Places
from commandcenter.runtimes.docker.ports import refuse_taken, taken_of
from commandcenter.runtimes.docker.record import Record, forget
from commandcenter.runtimes.docker.staging import Staged
from commandcenter.runtimes.docker.written import hidden_files, hidden_mounts, written
from commandcenter.runtimes.errors import PortTakenError, RuntimeRefusedError
from commandcenter.runtimes.spec import AttemptSpec

_JOB = Identity(1000, 1000)
_NOT_STARTABLE = (
    "executable file not found",
    "no such file or directory",
    "permission denied",
    "exec format error",
)


class ProgramMissingError(Exception):
    """The container was made, but its program cannot be run; the engine's words."""


class Starter:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def start(self, spec: AttemptSpec, request: JobRequest) -> tuple[Record, int | None]:
        """Return what is kept of it, and a descriptor of its /tmp. The attempt's lock is held.

        After an error nothing is left of it, and its id is free.
        """
        try:
            if spec.service is None:
                return await self._launch(spec, request, "none")
            joining = self._parts.networks.joining(
                spec.service.network, spec.service.names[0], lambda: self._check(spec, request)
            )
            async with joining as network:
                return await self._launch(spec, request, network)
        except ProgramMissingError:
            raise
        except BaseException:
            await self._parts.containers.discard(spec.attempt_id)
            self._parts.hiding.remove(spec.attempt_id)
            forget(self._parts.places, spec.attempt_id)
            raise

    def _check(self, spec: AttemptSpec, request: JobRequest) -> None:
        """Raises `PortTakenError`, `BadRequestError` and `IsolationError`."""
        refuse_taken(spec.service.ports if spec.service else ())
        self._plan(spec, request)

    def _plan(self, spec: AttemptSpec, request: JobRequest) -> tuple[SandboxPlan, Identity]:
        userland = spec.image is None
        if request.member is not None:
            plan = plan_service(
                request,
                request.member,
                self._parts.places.runner,
                hosts_file=None,
                userland=userland,
            )
        else:
            plan = plan_sandbox(request, str(self._parts.places.data), userland=userland)
        identity = _identity(plan, request)
        return replace(plan, uid=identity.uid, gid=identity.gid), identity

    async def _launch(
        self, spec: AttemptSpec, request: JobRequest, network: str
    ) -> tuple[Record, int | None]:
        parts, identifier = self._parts, spec.attempt_id
        plan, identity = self._plan(spec, request)
        volumes = await parts.volumes.provide(spec, identity)
        hidden = parts.hiding.hide(identifier, request.secret_values, hidden_files(spec), identity)
        record = Record.of(
            spec,
            git_directory=plan.git_directory,
            hides=bool(request.secret_values),
            init=config.has_init(spec),
        )
        record.write(parts.places)
        mounts = [*volumes, *hidden_mounts(spec, hidden)]
        mounts += written(parts.places, spec, plan, identity)
        outside = {mount.target for mount in volumes}
        binds = tuple(bind for bind in plan.binds if bind.target not in outside)
        plan = replace(plan, binds=binds)
        with (
            _shared(request, plan, parts.places) as shared,
            parts.staging.stage(plan, identity) as staged,
        ):
            shared.compare(staged.sources)
            mounts += [
                Mount(staged.sources.get(bind.target, bind.source), bind.target, bind.writable)
                for bind in binds
            ]
            tmp = _own_tmp(staged, spec, mounts)
            shape = Shape(
                image=spec.image.reference if spec.image else await parts.userland.provide(),
                identity=identity,
                mounts=tuple(mounts),
                labels=self._labels(spec),
                has_own_tmp=tmp is not None,
                engine_network=network,
                is_podman=parts.is_podman,
                environment=plan.environment,
            )
            try:
                await self._create(spec, config.container(spec, plan, shape))
                replace(record, begun=True).write(parts.places)
                await self._run(spec)
                await self._verify(spec, shared, staged)
            except BaseException:
                if tmp is not None:
                    os.close(tmp)
                raise
        return replace(record, begun=True), tmp

    async def _create(self, spec: AttemptSpec, body: dict[str, object]) -> None:
        name = self._parts.places.container(spec.attempt_id)
        try:
            await self._parts.containers.create(name, body)
        except EngineError as error:
            if error.is_missing and "image" in error.message.lower():
                if spec.image is not None:
                    raise RuntimeRefusedError(
                        f"The image {spec.image.reference} is not on the engine any more.",
                        hint="Start it again: it is pulled or built anew.",
                    ) from error
                self._parts.userland.forget()
                body["Image"] = await self._parts.userland.provide()
                await self._parts.containers.create(name, body)
                return
            if error.is_conflict and await self._clear(spec.attempt_id):
                await self._parts.containers.create(name, body)
                return
            raise RuntimeRefusedError(
                f"The container engine refuses to make a container: {error.message}.",
                hint=_hint(error.message),
            ) from error

    async def _clear(self, attempt_id: str) -> bool:
        """Take away a container that a killed hub made and never started; whether it was one."""
        told = await self._parts.containers.inspect(attempt_id)
        if told is None or told["State"]["Status"] != "created":
            return False
        await self._parts.containers.remove(self._parts.places.container(attempt_id))
        return True

    async def _run(self, spec: AttemptSpec) -> None:
        try:
            await self._parts.containers.start(self._parts.places.container(spec.attempt_id))
        except EngineError as error:
            ports = spec.service.ports if spec.service else ()
            taken: PortTakenError | None = taken_of(error.message, ports)
            if taken is not None:
                raise taken from error
            words = error.message.lower()
            if not config.has_init(spec) and any(part in words for part in _NOT_STARTABLE):
                raise ProgramMissingError(error.message) from error
            raise RuntimeRefusedError(
                f"The container engine cannot start the attempt: {error.message}.",
                hint=_hint(error.message),
            ) from error

    async def _verify(self, spec: AttemptSpec, shared: "_Shared", staged: Staged) -> None:
        """What was not staged is compared with what the container got."""
        if not shared.folders.held or staged.sources:
            return
        told = await self._parts.containers.inspect(spec.attempt_id)
        if told is not None and told["State"]["Running"]:
            shared.folders.verify(int(told["State"]["Pid"]))

    def _labels(self, spec: AttemptSpec) -> dict[str, str]:
        more = {"attempt": spec.attempt_id, "kind": spec.kind.value}
        if spec.service is not None:
            more |= {"network": spec.service.network, "name": spec.service.names[0]}
        return self._parts.places.labels(**more)


def _hint(words: str) -> str | None:
    if "docker-init" in words:
        return "Install the engine's small process 1 (Debian: apt install tini docker.io)."
    if "container-init" in words or "catatonit" in words:
        return "Install Podman's small process 1 (Debian: apt install catatonit)."
    return None


@dataclass(frozen=True, slots=True)
class _Shared:
    folders: SharedFolders

    def compare(self, sources: dict[str, str]) -> None:
        """Raises `IsolationError` if something else was staged than was opened."""
        for target, fd in self.folders.held:
            path = sources.get(target)
            if path is not None and not os.path.samestat(os.stat(path), os.fstat(fd)):
                raise IsolationError(
                    f"What was to be mounted at {target} is not what lay in the project's folder.",
                    hint="A program changed the folder meanwhile; start the service again.",
                )


@contextmanager
def _shared(request: JobRequest, plan: SandboxPlan, places: Places) -> Iterator[_Shared]:
    if request.member is None:
        yield _Shared(SharedFolders())
        return
    folders = SharedFolders.open(request.member, plan, places.runner)
    try:
        yield _Shared(folders)
    finally:
        folders.close()


def _identity(plan: SandboxPlan, request: JobRequest) -> Identity:
    """Whom the container's process is, inside and on the host. Raises `BadRequestError`."""
    if os.geteuid() == 0:
        return Identity(plan.uid, plan.gid) if request.member else _JOB
    own = Identity(os.geteuid(), os.getegid())
    if request.workspace is None:
        return Identity(plan.uid, plan.gid) if request.member else own
    owner = Path(request.workspace).stat()
    if owner.st_uid != own.uid:
        raise BadRequestError(
            f"The folder {request.workspace} belongs to another user than the hub's.",
            hint="Run the hub as that user, or as root.",
        )
    return Identity(owner.st_uid, owner.st_gid)


def _own_tmp(staged: Staged, spec: AttemptSpec, mounts: list[Mount]) -> int | None:
    """Mount the staged /tmp unless the service has asked for one of its own."""
    place = "/tmp"  # noqa: S108 - the container's
    if staged.tmp is None:
        return None
    if any(mount.target == place for mount in mounts) or (
        spec.service is not None and place in spec.service.tmpfs
    ):
        os.close(staged.tmp)
        return None
    mounts.append(Mount(staged.sources[place], place, writable=True))
    return staged.tmp
