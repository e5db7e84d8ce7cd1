"""What a runtime tells of an attempt: its end, its log, its use. Values only."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from commandcenter.runtimes.spec import Limits


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


MAX_OUTPUT_BYTES = 8 * 1024**2
