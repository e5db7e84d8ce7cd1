"""Where the runner keeps things under the data directory."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class RunnerPaths:
    data: Path

    @property
    def home(self) -> Path:
        return self.data / "runner"

    @property
    def socket(self) -> Path:
        return self.home / "runner.sock"

    @property
    def lock(self) -> Path:
        return self.home / "runner.lock"

    @property
    def own_log(self) -> Path:
        return self.home / "runner.log"

    @property
    def leftovers(self) -> Path:
        """What to sweep if this runner is killed: cgroups, staging directory (JSON)."""
        return self.home / "leftovers.json"

    @property
    def networks(self) -> Path:
        return self.home / "networks"

    def network(self, name: str) -> Path:
        """What a private network remembers: members' addresses, its services' host user (JSON)."""
        return self.networks / f"{name}.json"

    def hosts(self, name: str) -> Path:
        """The network's host names, mounted at /etc/hosts in its services."""
        return self.networks / f"{name}.hosts"

    def gate(self, name: str) -> Path:
        """The Unix socket through which the hub reaches the network's services."""
        return self.networks / f"{name}.gate"

    @property
    def volumes(self) -> Path:
        """Where the data of services lies."""
        return self.data / "volumes"

    @property
    def attempts(self) -> Path:
        return self.home / "attempts"

    def attempt(self, attempt_id: str) -> Path:
        return self.attempts / attempt_id

    def result(self, attempt_id: str) -> Path:
        return self.attempt(attempt_id) / "result.json"

    def output(self, attempt_id: str) -> Path:
        return self.attempt(attempt_id) / "output.json"

    def artifacts(self, attempt_id: str) -> Path:
        return self.attempt(attempt_id) / "artifacts"

    def log(self, attempt_id: str) -> Path:
        """The attempt's log (`kit.segments`); it outlives the attempt."""
        return self.data / "logs" / attempt_id.partition(".")[0] / attempt_id
