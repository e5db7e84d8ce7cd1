"""What is to be started: an attempt, its limits, workspace, network and service. Values only."""

import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from commandcenter.runtimes.images import Image


class AttemptKind(StrEnum):
    JOB = "job"
    SERVICE = "service"


class WorkspaceAccess(StrEnum):
    NONE = "none"
    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, slots=True)
class Limits:
    """Hard limits of one attempt. A runtime that cannot enforce one says so in `Capabilities`."""

    cpu: float = 1.0  # cores
    memory_bytes: int = 512 * 1024**2
    pids: int = 128
    disk_bytes: int = 64 * 1024**2  # each of /tmp and /out
    log_bytes: int = 16 * 1024**2  # kept of stdout and stderr together; the middle is dropped


@dataclass(frozen=True, slots=True)
class Workspace:
    """The project's folder as the attempt sees it, at /workspace."""

    path: Path
    access: WorkspaceAccess


@dataclass(frozen=True, slots=True)
class NetworkPolicy:
    """Hosts the attempt may reach as `host:port`; empty means no network at all."""

    allow: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PublishedPort:
    """A port of the host that leads to a port of the service."""

    host_port: int  # 1-65535; chosen by the caller
    service_port: int  # on which the service listens, on 0.0.0.0
    host: str = "127.0.0.1"
    protocol: str = "tcp"  # or "udp", with Feature.UDP_PORTS


@dataclass(frozen=True, slots=True)
class Volume:
    """A directory of the host in the service, as `target`.

    `source` is `DATA/volumes/PROJECT/NAME` (made, with the right owner, if it is absent; what a
    service keeps there outlives it; a runtime may keep it elsewhere under a name made of these
    two), or a file or directory in the project's own folder.
    """

    source: Path
    target: str  # absolute path inside
    writable: bool = True
    copy_image_content: bool = True  # a new volume begins with what the image has at the target


@dataclass(frozen=True, slots=True)
class Ulimit:
    name: str  # nofile, nproc, core, memlock, ...
    soft: int  # -1: no limit
    hard: int


@dataclass(frozen=True, slots=True)
class GrantedFile:
    """One read-only file in a service, owned by its user."""

    target: str  # absolute path inside
    content: bytes = field(repr=False)
    mode: int = 0o444


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """What a long-running service has that a job has not.

    Services with the same `network` reach each other by any of their `names` and on any port, each
    with a loopback of its own; they reach nothing else, and nobody reaches them except through
    `ports`. Nothing restarts a service: whoever started it sees its end and starts another attempt.
    """

    network: str  # ^[A-Za-z0-9][A-Za-z0-9._-]{0,100}$, one per project
    names: tuple[str, ...]  # host names; the first is its own and unique among those running
    ports: tuple[PublishedPort, ...] = ()
    volumes: tuple[Volume, ...] = ()
    programs: tuple[Path, ...] = ()  # installations of the host's, read-only where they are
    tmpfs: Mapping[str, int] = field(default_factory=dict)  # path inside: bytes at most
    uid: int = 1000  # inside; never 0
    gid: int = 1000
    directory: str = "/"  # working directory; /workspace is the project's folder
    stop_signal: int = signal.SIGTERM
    shm_bytes: int = 64 * 1024**2  # of /dev/shm
    read_only_root: bool = True  # False: with Feature.WRITABLE_ROOT
    init: bool = False  # a small process 1 that reaps; implied where a runtime has one anyway
    tty: bool = False  # with Feature.TTY
    hosts: tuple[tuple[str, str], ...] = ()  # more (name, address), with Feature.EXTRA_HOSTS
    ulimits: tuple[Ulimit, ...] = ()  # with Feature.ULIMITS
    files: tuple[GrantedFile, ...] = ()  # with Feature.FILES
    capabilities: tuple[str, ...] = ()  # given back after all were dropped; Feature.CAPABILITIES


@dataclass(frozen=True, slots=True)
class AttemptSpec:
    """Everything needed to start one attempt. Equal specs may share a warm sandbox."""

    attempt_id: str  # ^[A-Za-z0-9][A-Za-z0-9._-]{0,200}$, names cgroup, sandbox and log
    kind: AttemptKind
    # argv, run in /agent. Without an image argv[0] "python" is the hub's own interpreter; with one,
    # () is the image's own command.
    command: tuple[str, ...]
    agent_directory: Path | None  # mounted read-only at /agent
    input_json: bytes  # the content of /in/input.json
    workspace: Workspace | None
    limits: Limits
    timeout_seconds: float  # wall clock, from the process's start; then stop with grace; math.inf
    grace_seconds: float = 5.0  # between SIGTERM and SIGKILL of the whole tree
    environment: Mapping[str, str] = field(default_factory=dict)
    network: NetworkPolicy = NetworkPolicy()
    secret_files: Mapping[str, str] = field(default_factory=dict)  # /run/secrets/NAME
    secret_environment: Mapping[str, str] = field(default_factory=dict)
    python_path: tuple[Path, ...] = ()  # directories mounted read-only and put on PYTHONPATH
    warm: bool = False  # command is ("python", FILE): may be served from the warm one-shot pool
    redact: tuple[str, ...] = ()  # values never to reach a log or an output
    service: ServiceSpec | None = None  # with kind SERVICE: no /in, no /out, no time limit
    image: Image | None = None  # with Feature.IMAGES
