"""Names and places: what of this data directory is kept where, on disk and in the engine."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from commandcenter.kit.errors import InvalidInputError
from commandcenter.runner.paths import RunnerPaths

LABEL_DATA = "commandcenter.data"
LABEL_ATTEMPT = "commandcenter.attempt"
LABEL_KIND = "commandcenter.kind"
LABEL_NETWORK = "commandcenter.network"
LABEL_NAME = "commandcenter.name"
LABEL_VOLUME = "commandcenter.volume"
LABEL_PROJECT = "commandcenter.project"
LABEL_PROCESS = "commandcenter.process"


@dataclass(frozen=True, slots=True)
class Places:
    data: Path  # absolute, without links

    @classmethod
    def of(cls, data_directory: Path) -> "Places":
        return cls(data_directory.resolve())

    @property
    def key(self) -> str:
        """What tells this data directory's things in the engine from another's."""
        return hashlib.sha256(str(self.data).encode()).hexdigest()[:8]

    @property
    def runner(self) -> RunnerPaths:
        """The layout that all runtimes share: logs and volumes."""
        return RunnerPaths(self.data)

    @property
    def home(self) -> Path:
        return self.data / "docker"

    @property
    def mounts(self) -> Path:
        return self.home / "mounts"

    @property
    def attempts(self) -> Path:
        return self.home / "attempts"

    def attempt(self, attempt_id: str) -> Path:
        return self.attempts / attempt_id

    def lock(self, attempt_id: str) -> Path:
        return self.attempt(attempt_id) / "lock"

    def record(self, attempt_id: str) -> Path:
        return self.attempt(attempt_id) / "attempt.json"

    def ending(self, attempt_id: str) -> Path:
        return self.attempt(attempt_id) / "ending"

    def cursor(self, attempt_id: str) -> Path:
        return self.attempt(attempt_id) / "cursor.json"

    def result(self, attempt_id: str) -> Path:
        return self.attempt(attempt_id) / "result.json"

    def output(self, attempt_id: str) -> Path:
        return self.attempt(attempt_id) / "output.json"

    def artifacts(self, attempt_id: str) -> Path:
        return self.attempt(attempt_id) / "artifacts"

    def inside(self, attempt_id: str, name: str) -> Path:
        """What is mounted into the container: `in`, `out`, `files`."""
        return self.attempt(attempt_id) / name

    def log(self, attempt_id: str) -> Path:
        return self.runner.log(attempt_id)

    def container(self, attempt_id: str) -> str:
        return f"cc-{self.key}-{attempt_id}"

    def network(self, name: str) -> str:
        return f"cc-{self.key}-{name}"

    def volume(self, source: Path) -> tuple[str, str]:
        """Return the project and the engine's name of the volume `DATA/volumes/PROJECT/NAME`.

        A hyphen in the project's name is doubled, so that no two volumes have one name.
        """
        parts = source.parts[len(self.runner.volumes.parts) :]
        if not source.is_relative_to(self.runner.volumes) or len(parts) != 2:  # noqa: PLR2004
            raise InvalidInputError(
                f"{source} is not the place of a volume.",
                hint=f"A volume is a directory {self.runner.volumes}/PROJECT/NAME.",
            )
        project, name = parts
        return project, f"cc-{self.key}-{project.replace('-', '--')}-{name}"

    def volume_mark(self, engine_name: str) -> Path:
        """Says that a volume is complete: owned as it should be, copied to its end."""
        return self.home / "volumes" / engine_name

    def labels(self, **more: str) -> dict[str, str]:
        return {
            LABEL_DATA: self.key,
            **{f"commandcenter.{name}": text for name, text in more.items()},
        }

    def with_labels(self, **more: str) -> dict[str, list[str]]:
        """Return the engine's filter for things with these labels."""
        return {"label": [f"{name}={text}" for name, text in self.labels(**more).items()]}
