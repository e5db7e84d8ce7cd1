"""All settings of the hub, read from `COMMANDCENTER_*` and nowhere else."""

from pathlib import Path
from typing import Annotated

from platformdirs import user_data_path
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from commandcenter.kit.database import sqlite_url


def _default_data_directory() -> Path:
    return user_data_path("commandcenter")


class Settings(BaseSettings):
    """One frozen object, made once at the start. Durations are in seconds, sizes in bytes."""

    model_config = SettingsConfigDict(env_prefix="COMMANDCENTER_", frozen=True, extra="ignore")

    data_directory: Path = Field(default_factory=_default_data_directory)
    database_url: SecretStr | None = None  # None: SQLite in the data directory
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 3333
    runtime: str = "sandbox"
    allowed_roots: tuple[Path, ...] = Field(default_factory=lambda: (Path.home(),))
    max_concurrent_attempts: Annotated[int, Field(ge=1, le=1000)] = 8
    max_body_bytes: Annotated[int, Field(ge=1024)] = 16 * 1024**2
    requests_per_minute: Annotated[int, Field(ge=1)] = 6000
    run_timeout_seconds: Annotated[float, Field(gt=0)] = 24 * 3600.0
    approval_timeout_seconds: Annotated[float, Field(gt=0)] = 24 * 3600.0
    drain_seconds: Annotated[float, Field(ge=0)] = 30.0
    log_retention_days: Annotated[int, Field(ge=1)] = 30
    log_level: str = "info"
    log_json: bool = False

    @property
    def effective_database_url(self) -> str:
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return sqlite_url(self.data_directory / "commandcenter.db")
