"""What the runner is asked to run and what it answers, as data that crosses the socket."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from commandcenter.runner.errors import BadRequestError
from commandcenter.runner.service import ServiceRequest

ATTEMPT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,200}")
SECRET_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,100}")
VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,200}")
MAX_INPUT_BYTES = 16 * 1024**2
MAX_SECRETS_BYTES = 1024**2
MAX_ENVIRONMENT_BYTES = 256 * 1024


class Ending(StrEnum):
    """Why an attempt did not succeed; the runtime's `FailureReason` has the same values."""

    EXIT_CODE = "exit_code"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"
    DISK_FULL = "disk_full"
    LOST = "lost"
    CANCELLED = "cancelled"
    SYSTEM_ERROR = "system_error"


@dataclass(frozen=True, slots=True)
class JobLimits:
    cpu: float
    memory_bytes: int
    pids: int
    disk_bytes: int
    log_bytes: int


@dataclass(frozen=True, slots=True)
class JobRequest:
    """One attempt. Paths are host paths as text; secrets never leave this object for the disk."""

    attempt_id: str
    service: bool
    command: tuple[str, ...]
    limits: JobLimits
    timeout_seconds: float
    grace_seconds: float
    agent_directory: str | None = None
    workspace: str | None = None
    workspace_writable: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    network_allow: tuple[str, ...] = ()
    secret_files: Mapping[str, str] = field(default_factory=dict)
    secret_environment: Mapping[str, str] = field(default_factory=dict)
    python_path: tuple[str, ...] = ()
    warm: bool = False
    redact: tuple[str, ...] = ()
    member: ServiceRequest | None = None  # a service in a private network
    input_json: bytes = field(default=b"", repr=False)

    @property
    def secret_values(self) -> tuple[str, ...]:
        """Everything that must not be written anywhere."""
        return (*self.redact, *self.secret_files.values(), *self.secret_environment.values())

    def to_wire(self) -> tuple[dict[str, Any], bytes]:
        fields = asdict(replace(self, input_json=b""))
        del fields["input_json"]
        return fields, self.input_json

    @classmethod
    def from_wire(cls, fields: Mapping[str, Any], payload: bytes) -> "JobRequest":
        try:
            values = dict(fields)
            values["limits"] = JobLimits(**values["limits"])
            for name in ("command", "network_allow", "python_path", "redact"):
                values[name] = tuple(values[name])
            if values.get("member") is not None:
                values["member"] = ServiceRequest.from_wire(values["member"])
            request = cls(**values, input_json=payload)
        except (TypeError, KeyError) as error:
            raise BadRequestError(f"The request has wrong fields: {error}.") from error
        request.check()
        return request

    def check(self, *, has_image: bool = False) -> None:
        """Raise `BadRequestError` for what could never be run. An image has a command itself."""
        if not ATTEMPT_ID.fullmatch(self.attempt_id):
            raise BadRequestError(f"{self.attempt_id!r} is not an attempt id.")
        if not (self.command or has_image) or any("\0" in part for part in self.command):
            raise BadRequestError("The command is empty or has a NUL byte.")
        if len(self.input_json) > MAX_INPUT_BYTES:
            raise BadRequestError(
                f"The input has {len(self.input_json):,} bytes; at most {MAX_INPUT_BYTES:,} fit.",
                hint="Put large data into the workspace or an artifact and pass its path.",
            )
        if self.member is not None:
            self.member.check(has_image=has_image)
        self._check_environment()
        self._check_limits()

    def _check_environment(self) -> None:
        both = {**self.environment, **self.secret_environment}
        for name, value in both.items():
            if not VARIABLE_NAME.fullmatch(name) or "\0" in value:
                raise BadRequestError(f"{name!r} cannot be an environment variable.")
        if sum(len(name) + len(value) for name, value in both.items()) > MAX_ENVIRONMENT_BYTES:
            raise BadRequestError("The environment is larger than 256 KiB.")
        for name in self.secret_files:
            if not SECRET_NAME.fullmatch(name):
                raise BadRequestError(f"{name!r} cannot be the file name of a secret.")
        if sum(len(value) for value in self.secret_files.values()) > MAX_SECRETS_BYTES:
            raise BadRequestError("The secret files are larger than 1 MiB.")

    def _check_limits(self) -> None:
        limits = self.limits
        smallest = {
            "cpu": (limits.cpu, 0.01),
            "memory_bytes": (limits.memory_bytes, 8 * 1024**2),
            "pids": (limits.pids, 4),
            "disk_bytes": (limits.disk_bytes, 64 * 1024),
            "log_bytes": (limits.log_bytes, 1024),
            "timeout_seconds": (self.timeout_seconds, 0.001),
            "grace_seconds": (self.grace_seconds, 0.0),
        }
        for name, (value, least) in smallest.items():
            if not value >= least:
                raise BadRequestError(f"{name} is {value}; it must be at least {least}.")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended; kept on disk until it is removed."""

    exit_code: int | None
    reason: Ending | None
    message: str
    started_at: datetime
    finished_at: datetime
    cpu_seconds: float = 0.0
    memory_peak_bytes: int = 0
    has_output: bool = False
    has_artifacts: bool = False

    def to_json(self, **beside: Any) -> str:
        """The outcome, and in the same document what is to be kept beside it."""
        fields = {**beside, **asdict(self)}
        fields["started_at"] = self.started_at.isoformat()
        fields["finished_at"] = self.finished_at.isoformat()
        return json.dumps(fields)

    @classmethod
    def from_json(cls, text: str) -> "Outcome":
        known = cls.__dataclass_fields__
        fields = {name: value for name, value in json.loads(text).items() if name in known}
        fields["started_at"] = datetime.fromisoformat(fields["started_at"])
        fields["finished_at"] = datetime.fromisoformat(fields["finished_at"])
        fields["reason"] = None if fields["reason"] is None else Ending(fields["reason"])
        return cls(**fields)
