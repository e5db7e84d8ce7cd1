"""All settings of the hub, read from `COMMANDCENTER_*` and nowhere else."""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from platformdirs import user_data_path
from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

import commandcenter
from commandcenter.kit.database import sqlite_url

_FIRST_OPEN_PORT, _LAST_PORT = 1024, 65535


def _default_data_directory() -> Path:
    return user_data_path("commandcenter")


class OnStop(StrEnum):
    """What becomes of agents that run beyond the drain time (docs/decisions/0006)."""

    STOP = "stop"  # those that may be run again; the others are left to the next start
    LEAVE = "leave"  # all are left to the next start


class Settings(BaseSettings):
    """One frozen object, made once at the start. Durations are in seconds, sizes in bytes."""

    model_config = SettingsConfigDict(env_prefix="COMMANDCENTER_", frozen=True, extra="ignore")

    data_directory: Path = Field(default_factory=_default_data_directory)
    database_url: SecretStr | None = None  # None: SQLite in the data directory
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 3333
    allow_remote_access: bool = False  # an address others can reach is refused without it
    public_url: str | None = None  # as browsers see it, behind a proxy; https makes cookies Secure
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = ()  # further names in the Host header
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = ()  # e.g. http://localhost:5173
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = ()  # whose X-Forwarded-For counts
    dashboard_directory: Path = Path(commandcenter.__file__).parent / "_ui"  # as built
    runtime: str = "sandbox"
    stack_runtime: str | None = None  # of projects' services; None: the same
    stack_ports: Annotated[str, Field(pattern=r"^\d{1,5}-\d{1,5}$")] = "20000-29999"  # of the host
    allowed_roots: Annotated[tuple[Path, ...], NoDecode] = Field(
        default_factory=lambda: (Path.home(),)
    )
    agent_folders: Annotated[tuple[Path, ...], NoDecode] = ()  # registered at every start
    package_index_hosts: Annotated[tuple[str, ...], NoDecode] = ()  # where pip may fetch from
    max_concurrent_attempts: Annotated[int, Field(ge=1, le=1000)] = 8
    max_body_bytes: Annotated[int, Field(ge=1024)] = 16 * 1024**2
    requests_per_minute: Annotated[int, Field(ge=1)] = 6000
    drain_seconds: Annotated[float, Field(ge=0)] = 30.0
    on_stop: OnStop = OnStop.STOP
    low_disk_bytes: Annotated[int, Field(ge=0)] = 500 * 1000**2  # below it health is degraded
    max_log_bytes: Annotated[int, Field(ge=1024**2)] = 2 * 1024**3  # of all runs together
    log_retention_days: Annotated[int, Field(ge=1)] = 30
    run_retention_days: Annotated[int, Field(ge=1)] = 90
    event_retention_days: Annotated[int, Field(ge=1)] = 30
    metrics_public: bool = False  # /metrics without a token
    log_level: Annotated[str, Field(pattern="^(debug|info|warning|error)$")] = "info"
    log_json: bool = False

    @field_validator(
        "allowed_hosts", "allowed_origins", "trusted_proxies", "package_index_hosts", mode="before"
    )
    @classmethod
    def _split_on_commas(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("allowed_roots", "agent_folders", mode="before")
    @classmethod
    def _split_like_path(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part for part in value.split(os.pathsep) if part)
        return value

    @field_validator("public_url")
    @classmethod
    def _check_public_url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query:
            raise ValueError("expected something like https://commandcenter.example.org")
        return value.rstrip("/")

    @field_validator("stack_ports")
    @classmethod
    def _check_stack_ports(cls, value: str) -> str:
        first, last = (int(part) for part in value.split("-"))
        if not _FIRST_OPEN_PORT <= first <= last <= _LAST_PORT:
            raise ValueError(f"expected two ports from {_FIRST_OPEN_PORT} to {_LAST_PORT}")
        return value

    @property
    def stack_port_range(self) -> range:
        first, last = (int(part) for part in self.stack_ports.split("-"))
        return range(first, last + 1)

    @property
    def effective_database_url(self) -> str:
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return sqlite_url(self.data_directory / "commandcenter.db")

    @property
    def base_url(self) -> str:
        """Where people reach the hub."""
        if self.public_url is not None:
            return self.public_url
        host = "127.0.0.1" if self.host in {"0.0.0.0", "::"} else self.host  # noqa: S104  # compared
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def is_https(self) -> bool:
        return self.base_url.startswith("https://")
