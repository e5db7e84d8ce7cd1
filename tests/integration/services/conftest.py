import asyncio
import itertools
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from commandcenter.runner.paths import RunnerPaths
from commandcenter.runtimes.base import Handle
from commandcenter.runtimes.results import Executed
from commandcenter.runtimes.sandbox import programs, recipes
from commandcenter.runtimes.sandbox.doctor import can_isolate
from commandcenter.runtimes.sandbox.recipes import Recipe
from commandcenter.runtimes.sandbox.runtime import SandboxRuntime
from commandcenter.runtimes.spec import Limits

LIMITS = Limits(cpu=2.0, memory_bytes=512 * 1024**2, pids=128)
_numbers = itertools.count(1)


@dataclass
class Stack:
    """Services of one project on the sandbox."""

    data: Path
    runtime: SandboxRuntime
    handles: list[Handle] = field(default_factory=list)

    def volume(self, name: str) -> Path:
        return self.data / "volumes" / "project" / name

    async def start(self, recipe: Recipe, name: str, **fields: Any) -> Handle:
        volume = self.volume(name) if recipe.data else None
        spec = recipes.attempt(
            recipe,
            attempt_id=f"project-{name}.{next(_numbers)}",
            network=fields.pop("network", "project"),
            names=(name,),
            limits=LIMITS,
            volume=volume,
            **fields,
        )
        handle = await self.runtime.start(spec)
        self.handles.append(handle)
        return handle

    async def healthy(self, recipe: Recipe, handle: Handle, seconds: float = 30.0) -> None:
        """Wait until the recipe's probe succeeds."""
        assert recipe.probe is not None
        deadline = time.monotonic() + seconds
        last: Executed | None = None
        while time.monotonic() < deadline:
            last = await self.runtime.execute(handle, recipe.probe, timeout_seconds=5.0)
            if last.exit_code == 0:
                return
            await asyncio.sleep(0.05)
        pytest.fail(f"not healthy: {last}\n{await self.words(handle)}")

    async def words(self, handle: Handle) -> str:
        return "\n".join([line.text async for line in self.runtime.logs(handle)])

    async def stop(self, handle: Handle) -> None:
        await self.runtime.stop(handle, grace_seconds=10.0)


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    if not can_isolate():
        pytest.skip("this machine cannot isolate")
    found = Stack(tmp_path, SandboxRuntime(tmp_path))
    yield found
    for handle in found.handles:
        await found.runtime.stop(handle, grace_seconds=0.0)
    await found.runtime.close()
    end_runner(tmp_path)


def end_runner(data: Path) -> None:
    lock = RunnerPaths(data).lock
    if lock.exists() and lock.read_text().strip():
        pid = int(lock.read_text())
        command = Path(f"/proc/{pid}/cmdline")
        if command.exists() and os.fsencode(data.resolve()) in command.read_bytes().split(b"\0"):
            os.kill(pid, signal.SIGTERM)


@pytest.fixture(params=["system", "wheel"])
def origin(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Only the servers of the system, or only those of the wheels."""
    if request.param == "system":
        monkeypatch.setattr(programs, "_in_wheel", lambda *_: [])
    else:
        monkeypatch.setattr(programs, "_SYSTEM_PATH", "/nonexistent")
        monkeypatch.setattr(programs, "_POSTGRES_PLACES", ())
    _forget()
    yield request.param
    _forget()


def _forget() -> None:
    programs._all_postgres.cache_clear()
    programs._find.cache_clear()


@pytest.fixture
def port() -> int:
    return free_port()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
