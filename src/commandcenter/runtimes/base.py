"""The runtime contract: how an attempt is started, followed, stopped and found again.

A runtime isolates processes. The scheduler speaks to every runtime through this module alone and
never compares names: what a runtime can do it says in `Capabilities`, and a request that needs
more is refused by `refuse_unmet` with an error naming what is missing. Nothing is silently weaker.

Order of calls: `start` (idempotent by attempt id: a second call with the same id returns the handle
of the first and starts nothing), then `wait`, `stop`, `logs` and `stats` any number of times and
concurrently, then `remove` once the result has been recorded (idempotent). After the caller's
restart `recover` takes a stored handle and says whether the attempt is still there.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from commandcenter.kit.errors import ConflictError, UnavailableError


class AttemptKind(StrEnum):
    JOB = "job"
    SERVICE = "service"


class WorkspaceAccess(StrEnum):
    NONE = "none"
    READ = "read"
    WRITE = "write"


class FailureReason(StrEnum):
    """Why an attempt did not succeed; the only place where these words are defined."""

    EXIT_CODE = "exit_code"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"
    DISK_FULL = "disk_full"
    LOST = "lost"
    CANCELLED = "cancelled"
    SYSTEM_ERROR = "system_error"


class Stream(StrEnum):
    STDOUT = "stdout"
    STDERR = "stderr"
    SYSTEM = "system"  # words of the runtime itself: truncated, killed, started


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
    """A TCP port of the host that leads to a port of the service."""

    host_port: int  # 1-65535; chosen by the caller
    service_port: int  # on which the service listens, on 0.0.0.0
    host: str = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Volume:
    """A directory of the host in the service, as `target`.

    `source` is `DATA/volumes/PROJECT/NAME` (made, with the right owner, if it is absent; what a
    service keeps there outlives it), or a file or directory in the project's own folder.
    """

    source: Path
    target: str  # absolute path inside
    writable: bool = True


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


@dataclass(frozen=True, slots=True)
class AttemptSpec:
    """Everything needed to start one attempt. Equal specs may share a warm sandbox."""

    attempt_id: str  # ^[A-Za-z0-9][A-Za-z0-9._-]{0,200}$, names cgroup, sandbox and log
    kind: AttemptKind
    command: tuple[str, ...]  # argv, run in /agent; argv[0] "python" is the hub's own interpreter
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


@dataclass(frozen=True, slots=True)
class Handle:
    """Where an attempt runs; serialisable, stored with the attempt, survives the hub."""

    runtime: str
    attempt_id: str
    version: int = 1
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Usage:
    cpu_seconds: float = 0.0
    memory_peak_bytes: int = 0


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """How an attempt ended. `reason is None` means exit code 0.

    `output` is the raw content of /out/output.json (None if there is none), at most
    `MAX_OUTPUT_BYTES`; `artifacts_directory` is a host directory with what lay under
    /out/artifacts (regular files only), to be taken over before `remove`.
    """

    exit_code: int | None
    reason: FailureReason | None
    message: str  # for the user, "" on success
    started_at: datetime
    finished_at: datetime
    usage: Usage = Usage()
    output: bytes | None = None
    artifacts_directory: Path | None = None


@dataclass(frozen=True, slots=True)
class Stats:
    """Limits as read back from the cgroup or engine (None: not enforced here) and present use."""

    requested: Limits
    actual_cpu: float | None
    actual_memory_bytes: int | None
    actual_pids: int | None
    cpu_seconds: float
    memory_bytes: int
    pids: int


@dataclass(frozen=True, slots=True)
class Executed:
    """How a command in a service ended."""

    exit_code: int | None  # None: it was killed at its time limit; 127: it could not be started
    output: str  # of both streams, the first 64 KiB, redacted
    seconds: float


@dataclass(frozen=True, slots=True)
class LogLine:
    number: int  # from 1, never reused; a gap says that lines were dropped
    at: datetime
    stream: Stream
    text: str  # without the newline, at most 16 KiB, redacted


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What this runtime enforces on this machine, as data."""

    name: str
    available: bool
    isolation: str  # "full" or "none"; a fake is "none"
    limits: frozenset[str]  # of "cpu", "memory", "pids", "disk"
    watched_limits: frozenset[str]  # enforced by polling, not by the kernel
    network_off: bool
    network_allow_list: bool
    services: bool
    live_workspace: bool
    warm_pool: bool
    problems: tuple[str, ...] = ()  # each says what is missing and what to do about it


MAX_OUTPUT_BYTES = 8 * 1024**2


class RuntimeRefusedError(UnavailableError):
    code = "runtime_refused"
    title = "This runtime cannot do what was asked"


class PortTakenError(ConflictError):
    """A port of the host cannot be opened; `fields` has `host` and `port`. Nothing was started."""

    code = "port_taken"
    title = "A port is taken"


class ServiceConflictError(ConflictError):
    """A service of that name runs in the network, or the network to be removed has services."""

    code = "service_conflict"
    title = "The network is in use"


class NotRunningError(ConflictError):
    """There is no running service under this handle."""

    code = "not_running"
    title = "The service does not run"


class Runtime(Protocol):
    async def capabilities(self) -> Capabilities:
        """Probe once per process and answer from memory; never raises."""
        ...

    async def start(self, spec: AttemptSpec) -> Handle:
        """Start the attempt, or return the handle of the one already started under this id.

        Raises `RuntimeRefusedError` when an isolation or limit cannot be set up here,
        `PortTakenError` and `ServiceConflictError` for services.
        """
        ...

    async def recover(self, handle: Handle) -> bool:
        """Whether the attempt is known (running, or ended with its result kept)."""
        ...

    async def wait(self, handle: Handle) -> AttemptResult:
        """Wait for the end; returns at once if ended; reason `lost` if nothing is known of it."""
        ...

    async def stop(self, handle: Handle, *, grace_seconds: float) -> None:
        """SIGTERM (a service's own signal), then after the grace SIGKILL of the whole tree.

        Idempotent, returns when dead: a service's name and ports are free again.

        `wait` then gives reason `cancelled`.
        """
        ...

    def logs(
        self, handle: Handle, *, after: int = 0, follow: bool = False
    ) -> AsyncIterator[LogLine]:
        """Lines with a number above `after`; with `follow` until the attempt's log is closed."""
        ...

    async def stats(self, handle: Handle) -> Stats:
        """Limits and use now; after the end, the last values seen."""
        ...

    async def remove(self, handle: Handle) -> None:
        """Forget the attempt: outputs, cgroup, sandbox directory. Its log file stays."""
        ...

    async def execute(
        self, handle: Handle, command: tuple[str, ...], *, timeout_seconds: float
    ) -> Executed:
        """Run a short command in a running service: its health probe.

        It is the service's user, sees what the service sees, has its environment and counts
        against its limits; it is killed with its process group at its time limit. Raises
        `NotRunningError`.
        """
        ...

    async def connect(
        self, handle: Handle, port: int
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a TCP connection to a port of a running service, published or not: for probes.

        The service sees it as coming from its network. The caller bounds the time and closes the
        writer. Raises `NotRunningError`, and ConnectionRefusedError when nothing listens there.
        """
        ...

    async def remove_network(self, network: str) -> None:
        """Forget a network of services; idempotent. Volumes stay.

        Raises `ServiceConflictError` while a service is in it.
        """
        ...

    async def close(self) -> None:
        """Let go of connections. Attempts go on running."""
        ...
