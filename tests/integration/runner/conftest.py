import asyncio
import itertools
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from commandcenter.runner.client import RunnerClient
from commandcenter.runner.paths import RunnerPaths
from commandcenter.runner.request import JobLimits, JobRequest
from commandcenter.runtimes.sandbox.doctor import can_isolate

LIMITS = JobLimits(1.0, 256 * 1024**2, 64, 8 * 1024**2, 1024**2)
_numbers = itertools.count(1)


@dataclass
class Place:
    """A data directory, with clients of its runner."""

    data: Path
    clients: list[RunnerClient] = field(default_factory=list)

    @property
    def paths(self) -> RunnerPaths:
        return RunnerPaths(self.data)

    def client(self) -> RunnerClient:
        client = RunnerClient(self.data)
        self.clients.append(client)
        return client

    def pid(self) -> int:
        return int(self.paths.lock.read_text())

    def alive(self) -> bool:
        try:
            stat = Path(f"/proc/{self.pid()}/stat").read_text()
            command = Path(f"/proc/{self.pid()}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return False
        ours = os.fsencode(self.data.resolve()) in command  # the number may be another's by now
        return ours and stat.rpartition(")")[2].split()[0] != "Z"

    def request(self, *command: str, **fields: Any) -> JobRequest:
        values: dict[str, Any] = {"timeout_seconds": 30.0, "grace_seconds": 1.0} | fields
        identifier = values.pop("attempt_id", f"attempt-{next(_numbers)}")
        limits = values.pop("limits", LIMITS)
        return JobRequest(identifier, False, command, limits, **values)


async def eventually(what: str, condition: Callable[[], object], seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not (state := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"{what}: not within {seconds} s; last state {state!r}")
        await asyncio.sleep(0.01)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    if not can_isolate():
        pytest.skip("this machine cannot isolate; see `commandcenter doctor`")
    made = Place(tmp_path / "data")
    yield made
    for client in made.clients:
        await client.close()
    if made.paths.lock.exists() and made.alive():
        os.kill(made.pid(), signal.SIGTERM)
        await eventually("the runner is gone", lambda: not made.alive())
