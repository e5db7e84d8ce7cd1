"""From an attempt's description to what the engine is asked to create. Pure."""

import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from commandcenter.runner.plan import HOME_BYTES, SandboxPlan
from commandcenter.runner.spawn import Identity
from commandcenter.runtimes.spec import AttemptSpec, Limits, ServiceSpec

_RUN_BYTES = 4 * 1024**2
_COVER_BYTES = 4096
_OOM_SCORE = 500  # before the hub and the machine's own services
_CLIENT_LOG_BYTES = 16 * 1024**2
_LOG_FILES = 3
_PERIOD_US = 100_000
_OPEN_FILES, _PROCESSES = 4096, 4096
# Names within a network are the engine's own resolver's. What it does not know it would ask the
# machine's name servers, from the container: this sends it nowhere.
_NOWHERE = ["127.0.0.1"]


@dataclass(frozen=True, slots=True)
class Mount:
    """A bind of the host's, or a volume of the engine's."""

    source: str
    target: str
    writable: bool = False
    is_volume: bool = False
    copies_content: bool = False

    def to_engine(self) -> dict[str, Any]:
        common: dict[str, Any] = {
            "Source": self.source,
            "Target": self.target,
            "ReadOnly": not self.writable,
        }
        if self.is_volume:
            options = {"NoCopy": not self.copies_content}
            return {"Type": "volume", **common, "VolumeOptions": options}
        bind = {"Propagation": "rprivate", "NonRecursive": True}
        return {"Type": "bind", **common, "BindOptions": bind}


@dataclass(frozen=True, slots=True)
class Shape:
    """What was decided about a container beside its spec."""

    image: str
    identity: Identity
    mounts: tuple[Mount, ...]
    labels: Mapping[str, str]
    has_own_tmp: bool = False  # /tmp is among the mounts
    engine_network: str = "none"
    is_podman: bool = False
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


def container(spec: AttemptSpec, plan: SandboxPlan, shape: Shape) -> dict[str, Any]:
    """Return the body of the engine's create call."""
    service = spec.service
    config: dict[str, Any] = {
        "Image": shape.image,
        "User": f"{shape.identity.uid}:{shape.identity.gid}",
        "Env": [f"{name}={text}" for name, text in shape.environment.items()],
        "Labels": dict(shape.labels),
        "Hostname": plan.hostname,
        "WorkingDir": plan.directory,
        "StopSignal": signal.Signals(service.stop_signal).name if service else "SIGTERM",
        "Tty": service.tty if service else False,
        "OpenStdin": False,
        "AttachStdin": False,
        "AttachStdout": False,
        "AttachStderr": False,
        "Healthcheck": {"Test": ["NONE"]},
        "HostConfig": _host(spec, plan, shape),
    }
    if plan.command:
        config["Cmd"] = list(plan.command)
    if spec.image is None:
        config["Entrypoint"] = []
    elif spec.image.entrypoint is not None:
        # An empty list leaves the image's own in place; one empty word takes it away.
        config["Entrypoint"] = list(spec.image.entrypoint) or [""]
    if service is not None:
        config |= _network(service, shape.engine_network)
    return config


def has_init(spec: AttemptSpec) -> bool:
    """A process 1 that passes signals on and reaps; an image's service may bring its own."""
    return spec.image is None or spec.service is None or spec.service.init


def _host(spec: AttemptSpec, plan: SandboxPlan, shape: Shape) -> dict[str, Any]:
    service, limits = spec.service, spec.limits
    init = has_init(spec)
    return {
        "NetworkMode": shape.engine_network,
        "Mounts": [mount.to_engine() for mount in shape.mounts],
        "Tmpfs": _tmpfs(spec, plan, shape),
        "ReadonlyRootfs": service.read_only_root if service else True,
        "Privileged": False,
        "CapDrop": ["ALL"],
        "CapAdd": list(service.capabilities) if service else [],
        "SecurityOpt": ["no-new-privileges"],
        "IpcMode": "private",
        "ShmSize": plan.shm_bytes,
        "Init": init,
        "OomScoreAdj": _OOM_SCORE,
        "PidsLimit": limits.pids + int(init),
        "Memory": limits.memory_bytes,
        "MemorySwap": limits.memory_bytes,
        "CpuPeriod": _PERIOD_US,
        "CpuQuota": max(1000, round(limits.cpu * _PERIOD_US)),
        "Ulimits": _ulimits(service, is_podman=shape.is_podman),
        "Dns": _NOWHERE,
        "DnsSearch": ["."],
        "DnsOptions": ["timeout:1", "attempts:2"],  # of names that nobody has
        "ExtraHosts": [f"{name}:{address}" for name, address in service.hosts] if service else [],
        "PortBindings": _bindings(service) if service else {},
        "RestartPolicy": {"Name": "no"},
        "LogConfig": _log(limits, "k8s-file" if shape.is_podman else "local"),
    }


def _tmpfs(spec: AttemptSpec, plan: SandboxPlan, shape: Shape) -> dict[str, str]:
    # Podman gives no tmpfs away: what the one user of the container could write, everybody may.
    own, private = "1777", "1777"
    who = ""
    if not shape.is_podman:
        own, private = "0755", "0700"
        who = f",uid={shape.identity.uid},gid={shape.identity.gid}"
    found = {}
    if not shape.has_own_tmp:
        found["/tmp"] = f"rw,exec,nosuid,nodev,mode=1777,size={plan.disk_bytes}"  # noqa: S108
    if spec.service is None or spec.service.read_only_root:
        found["/run"] = f"rw,noexec,nosuid,nodev,mode={own},size={_RUN_BYTES}{who}"
    if spec.image is None:
        home = f"/home/{plan.user}"
        found[home] = f"rw,exec,nosuid,nodev,mode={private},size={HOME_BYTES}{who}"
    for path, size in plan.tmpfs:
        found[path] = f"rw,exec,nosuid,nodev,mode=1777,size={size}"
    for path in plan.covered:
        found[path] = f"ro,noexec,nosuid,nodev,mode=0755,size={_COVER_BYTES}"
    return found


def _ulimits(service: ServiceSpec | None, *, is_podman: bool) -> list[dict[str, Any]]:
    """Podman asks for as many open files as the kernel has, which not every root may give."""
    asked = {limit.name: (limit.soft, limit.hard) for limit in service.ulimits} if service else {}
    own = {"core": (0, 0)}
    if is_podman:
        own |= {"nofile": (_OPEN_FILES, _OPEN_FILES), "nproc": (_PROCESSES, _PROCESSES)}
    both = own | asked
    return [{"Name": name, "Soft": soft, "Hard": hard} for name, (soft, hard) in both.items()]


def _bindings(service: ServiceSpec) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = {}
    for port in service.ports:
        found.setdefault(f"{port.service_port}/{port.protocol}", []).append(
            {"HostIp": port.host, "HostPort": str(port.host_port)}
        )
    return found


def _network(service: ServiceSpec, engine_network: str) -> dict[str, Any]:
    return {
        "ExposedPorts": {f"{port.service_port}/{port.protocol}": {} for port in service.ports},
        "NetworkingConfig": {"EndpointsConfig": {engine_network: {"Aliases": list(service.names)}}},
    }


def _log(limits: Limits, driver: str) -> dict[str, Any]:
    """More than the attempt's log keeps, so that a flood is still there when it is copied."""
    size = max(limits.log_bytes, _CLIENT_LOG_BYTES)
    options = {"max-size": str(size)}
    if driver == "local":
        options |= {"max-file": str(_LOG_FILES), "compress": "false"}
    return {"Type": driver, "Config": options}


def helper(
    image: str,
    mounts: tuple[Mount, ...],
    command: tuple[str, ...],
    capabilities: tuple[str, ...],
) -> dict[str, Any]:
    """One of ours that does one thing to a volume: root inside, with no rights but these."""
    return {
        "Image": image,
        "User": "0:0",
        "Cmd": list(command),
        "Entrypoint": [],
        "Env": ["PATH=/usr/bin:/bin", "LANG=C.UTF-8"],
        "WorkingDir": "/",
        "NetworkDisabled": True,
        "HostConfig": {
            "NetworkMode": "none",
            "Mounts": [mount.to_engine() for mount in mounts],
            "ReadonlyRootfs": True,
            "CapDrop": ["ALL"],
            "CapAdd": list(capabilities),
            "SecurityOpt": ["no-new-privileges"],
            "IpcMode": "private",
            "PidsLimit": 16,
            "Memory": 256 * 1024**2,
            "MemorySwap": 256 * 1024**2,
            "RestartPolicy": {"Name": "no"},
        },
    }
