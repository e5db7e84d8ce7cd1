"""What is kept on disk of an attempt in a container: enough to take it over, and no secrets."""

import fcntl
import json
import os
import shutil
import signal
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from commandcenter.runner.request import Ending, JobLimits, Outcome
from commandcenter.runtimes.docker.places import Places
from commandcenter.runtimes.results import AttemptResult, FailureReason, Usage
from commandcenter.runtimes.spec import AttemptKind, AttemptSpec


@dataclass(frozen=True, slots=True)
class Record:
    attempt_id: str
    is_service: bool
    limits: JobLimits
    timeout_seconds: float
    grace_seconds: float
    stop_signal: int = signal.SIGTERM
    network: str | None = None
    name: str | None = None  # of a service in its network
    tty: bool = False
    own_processes: int = 0  # the engine's init, counted beside the program's
    git_directory: str | None = None
    had_redirection: bool = False
    hides: bool = False  # there are values that must not reach the log
    begun: bool = False  # the engine was asked to start it: from now on the id is used up

    @classmethod
    def of(
        cls, spec: AttemptSpec, *, git_directory: str | None, hides: bool, init: bool
    ) -> "Record":
        service, limits = spec.service, spec.limits
        return cls(
            attempt_id=spec.attempt_id,
            is_service=spec.kind is AttemptKind.SERVICE,
            limits=JobLimits(
                limits.cpu, limits.memory_bytes, limits.pids, limits.disk_bytes, limits.log_bytes
            ),
            timeout_seconds=spec.timeout_seconds,
            grace_seconds=spec.grace_seconds,
            stop_signal=int(service.stop_signal) if service else int(signal.SIGTERM),
            network=service.network if service else None,
            name=service.names[0] if service else None,
            tty=service.tty if service else False,
            own_processes=int(init),
            git_directory=git_directory,
            had_redirection=bool(git_directory) and os.path.lexists(f"{git_directory}/commondir"),
            hides=hides,
        )

    def write(self, places: Places) -> None:
        _replace(places.record(self.attempt_id), json.dumps(asdict(self)))

    @classmethod
    def read(cls, places: Places, attempt_id: str) -> "Record | None":
        with suppress(FileNotFoundError, ValueError):
            fields: dict[str, Any] = json.loads(places.record(attempt_id).read_text())
            fields["limits"] = JobLimits(**fields["limits"])
            return cls(**fields)
        return None


def read_outcome(places: Places, attempt_id: str) -> Outcome | None:
    with suppress(FileNotFoundError):
        return Outcome.from_json(places.result(attempt_id).read_text())
    return None


def write_outcome(places: Places, attempt_id: str, outcome: Outcome) -> None:
    _replace(places.result(attempt_id), outcome.to_json())


def as_result(places: Places, attempt_id: str, outcome: Outcome) -> AttemptResult:
    """The contract's form of a stored outcome."""
    output = None
    if outcome.has_output:
        with suppress(FileNotFoundError):
            output = places.output(attempt_id).read_bytes()
    return AttemptResult(
        exit_code=outcome.exit_code,
        reason=FailureReason(outcome.reason.value) if outcome.reason else None,
        message=outcome.message,
        started_at=outcome.started_at,
        finished_at=outcome.finished_at,
        usage=Usage(outcome.cpu_seconds, outcome.memory_peak_bytes),
        output=output,
        artifacts_directory=places.artifacts(attempt_id) if outcome.has_artifacts else None,
    )


def decide_ending(
    places: Places, attempt_id: str, ending: Ending, grace_seconds: float | None = None
) -> bool:
    """Put on record what is being done to the attempt; only the first such decision counts.

    `grace_seconds`: that it is killed if it has not ended by then.
    """
    with suppress(FileExistsError, FileNotFoundError):
        fd = os.open(places.ending(attempt_id), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "w") as file:
            file.write(ending.value if grace_seconds is None else f"{ending.value} {grace_seconds}")
        return True
    return False


def read_ending(places: Places, attempt_id: str) -> Ending | None:
    with suppress(FileNotFoundError, ValueError):
        return Ending(places.ending(attempt_id).read_text().partition(" ")[0])
    return None


def read_grace(places: Places, attempt_id: str) -> float | None:
    """Return the seconds after which it was to be killed, if that was decided."""
    with suppress(FileNotFoundError, ValueError):
        return float(places.ending(attempt_id).read_text().partition(" ")[2])
    return None


def forget(places: Places, attempt_id: str) -> None:
    shutil.rmtree(places.attempt(attempt_id), ignore_errors=True)


class AttemptLock:
    """Held by the one who starts an attempt or looks after it, of however many processes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None

    def take(self) -> bool:
        """Whether it is held now. Raises FileNotFoundError without the attempt's directory."""
        if self._fd is not None:
            return True
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return False
        self._fd = fd
        return True

    def release(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def _replace(path: Path, text: str) -> None:
    temporary = path.with_suffix(".new")
    temporary.write_text(text)
    temporary.replace(path)
