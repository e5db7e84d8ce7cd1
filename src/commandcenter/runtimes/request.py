"""The runner's form of a spec: checked and planned alike by every runtime of this machine."""

from commandcenter.runner.request import JobLimits, JobRequest
from commandcenter.runner.service import Port, ServiceRequest, Volume
from commandcenter.runtimes.spec import AttemptKind, AttemptSpec, ServiceSpec, WorkspaceAccess


def to_request(spec: AttemptSpec) -> JobRequest:
    """The runner's form of a spec; every path becomes absolute text."""
    limits = spec.limits
    return JobRequest(
        attempt_id=spec.attempt_id,
        service=spec.kind is AttemptKind.SERVICE,
        command=spec.command,
        limits=JobLimits(
            limits.cpu, limits.memory_bytes, limits.pids, limits.disk_bytes, limits.log_bytes
        ),
        timeout_seconds=spec.timeout_seconds,
        grace_seconds=spec.grace_seconds,
        agent_directory=str(spec.agent_directory.absolute()) if spec.agent_directory else None,
        workspace=_workspace(spec),
        workspace_writable=(
            spec.workspace is not None and spec.workspace.access is WorkspaceAccess.WRITE
        ),
        environment=dict(spec.environment),
        network_allow=spec.network.allow,
        secret_files=dict(spec.secret_files),
        secret_environment=dict(spec.secret_environment),
        python_path=tuple(str(path.absolute()) for path in spec.python_path),
        warm=spec.warm,
        redact=spec.redact,
        input_json=spec.input_json,
        member=_member(spec.service) if spec.service is not None else None,
    )


def _member(service: ServiceSpec) -> ServiceRequest:
    return ServiceRequest(
        network=service.network,
        names=service.names,
        ports=tuple(Port(port.host, port.host_port, port.service_port) for port in service.ports),
        volumes=tuple(
            Volume(str(volume.source.absolute()), volume.target, volume.writable)
            for volume in service.volumes
        ),
        programs=tuple(str(path.absolute()) for path in service.programs),
        tmpfs=tuple(service.tmpfs.items()),
        uid=service.uid,
        gid=service.gid,
        directory=service.directory,
        stop_signal=int(service.stop_signal),
        shm_bytes=service.shm_bytes,
    )


def _workspace(spec: AttemptSpec) -> str | None:
    if spec.workspace is None or spec.workspace.access is WorkspaceAccess.NONE:
        return None
    return str(spec.workspace.path.absolute())
