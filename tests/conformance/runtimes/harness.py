"""What the conformance suite needs: how to describe jobs, and how to look behind a runtime."""

import asyncio
import itertools
import json
import math
import os
import signal
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from commandcenter.runner.paths import RunnerPaths
from commandcenter.runtimes.base import Handle, Runtime
from commandcenter.runtimes.capabilities import Capabilities
from commandcenter.runtimes.docker.places import Places
from commandcenter.runtimes.registry import create_runtime
from commandcenter.runtimes.results import LogLine
from commandcenter.runtimes.spec import AttemptKind, AttemptSpec, Limits, ServiceSpec
from tests.docker_engine import ask_engine

_numbers = itertools.count(1)
LIMITS = Limits(cpu=1.0, memory_bytes=128 * 1024**2, pids=32, disk_bytes=4 * 1024**2)


def job(
    shell: str = "true",
    *,
    fake: dict[str, str] | None = None,
    attempt_id: str | None = None,
    **fields: Any,
) -> AttemptSpec:
    """One job said twice: as a shell command for runtimes that run, as a script for the fake."""
    environment = {f"FAKE_{name.upper()}": value for name, value in (fake or {}).items()}
    environment |= fields.pop("environment", {})
    values: dict[str, Any] = {
        "kind": AttemptKind.JOB,
        "command": ("sh", "-c", shell),
        "agent_directory": None,
        "input_json": b"{}",
        "workspace": None,
        "limits": LIMITS,
        "timeout_seconds": 30.0,
        "grace_seconds": 2.0,
    } | fields
    identifier = attempt_id or f"conform-{os.getpid()}-{next(_numbers)}"
    return AttemptSpec(attempt_id=identifier, environment=environment, **values)


def python(code: str, **fields: Any) -> AttemptSpec:
    return job(command=("python", "-c", code), **fields)


def service(
    shell: str = "sleep 60",
    *,
    network: str | None = None,
    name: str = "one",
    fake: dict[str, str] | None = None,
    details: dict[str, Any] | None = None,
    **fields: Any,
) -> AttemptSpec:
    """A service of a network of its own, unless one is named."""
    own = network or f"network-{os.getpid()}-{next(_numbers)}"
    described: dict[str, Any] = {"network": own, "names": (name,)} | (details or {})
    return job(
        shell,
        fake={"seconds": "60"} | (fake or {}),
        kind=AttemptKind.SERVICE,
        timeout_seconds=math.inf,
        service=ServiceSpec(**described),
        **fields,
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def eventually(what: str, condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait for a condition with a deadline; the failure shows the last state."""
    deadline = time.monotonic() + seconds
    while True:
        state = condition()
        if not state:
            await asyncio.sleep(0.01)
        else:
            return
        if time.monotonic() > deadline:
            pytest.fail(f"{what}: not within {seconds} s; last state {state!r}")


@dataclass
class UnderTest:
    """A runtime with its data directory; `reopen` is what a restarted hub does."""

    name: str
    data: Path
    runtime: Runtime
    capabilities: Capabilities
    opened: list[Runtime] = field(default_factory=list)

    @property
    def flood_lines(self) -> int:
        """Enough to overwhelm it; an engine sends and stamps each line on its own."""
        return 40_000 if self.name == "docker" else 200_000

    @property
    def paths(self) -> RunnerPaths:
        return RunnerPaths(self.data)

    def need(self, *, limit: str | None = None, isolation: bool = False) -> None:
        """Skip visibly what this runtime does not claim."""
        if isolation and self.capabilities.isolation != "full":
            pytest.skip(f"the runtime {self.name} does not isolate")
        if limit and limit not in self.capabilities.limits | self.capabilities.watched_limits:
            pytest.skip(f"the runtime {self.name} does not enforce {limit} here")

    async def reopen(self) -> Runtime:
        """A second client of the same data directory."""
        other = create_runtime(self.name, self.data)
        self.opened.append(other)
        return other

    async def run(self, spec: AttemptSpec) -> Any:
        handle = await self.runtime.start(spec)
        async with asyncio.timeout(40):
            return await self.runtime.wait(handle)

    async def lines(self, handle: Handle, *, follow: bool = True) -> list[LogLine]:
        async with asyncio.timeout(40):
            return [line async for line in self.runtime.logs(handle, follow=follow)]

    async def text(self, handle: Handle) -> str:
        return "\n".join(line.text for line in await self.lines(handle))

    def runner_pid(self) -> int:
        return int(self.paths.lock.read_text())

    def processes(self, handle: Handle | None = None) -> set[int]:
        """What runs now of this data directory's attempts, or of one, as the host sees it."""
        if self.name == "sandbox":
            return set(descendants(self.runner_pid()))
        return {
            pid
            for container in containers(self.data, handle)
            for pid in _in_container(container["Id"])
        }

    def left(self, handle: Handle) -> list[object]:
        """What still is there of an attempt that was removed."""
        if self.name == "sandbox":
            return [*self.cgroups(), *filter(Path.exists, [self.paths.attempt(handle.attempt_id)])]
        places = Places.of(self.data)
        home = places.attempt(handle.attempt_id)
        return [*containers(self.data, handle), *filter(Path.exists, [home])]

    def cgroups(self) -> list[Path]:
        """Cgroups of attempts that exist now."""
        noted = json.loads(self.paths.leftovers.read_text())["cgroups"]
        return [
            leaf
            for base in noted
            if Path(base).is_dir()
            for leaf in Path(base).iterdir()
            if leaf.is_dir()
        ]


def containers(data: Path, handle: Handle | None = None) -> list[dict[str, Any]]:
    """The engine's containers, ended ones too, of a data directory or one attempt."""
    more = {"attempt": handle.attempt_id} if handle else {}
    filters = json.dumps(Places.of(data).with_labels(**more))
    found = ask_engine("GET", f"/containers/json?all=1&filters={quote(filters)}")
    return list(found or [])


def _in_container(identifier: str) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                if identifier in (entry / "cgroup").read_text():
                    found.append(int(entry.name))
    return found


def descendants(pid: int) -> list[int]:
    """All processes below `pid`."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                text = (entry / "stat").read_text()
            except OSError:
                continue
            parents.setdefault(int(text.rpartition(")")[2].split()[1]), []).append(int(entry.name))
    found = list(parents.get(pid, []))
    for child in found:
        found.extend(parents.get(child, []))
    return found


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


async def end_runner(paths: RunnerPaths, number: int = signal.SIGTERM) -> None:
    """End the runner of a data directory and wait until it is gone."""
    if not paths.lock.exists() or not paths.lock.read_text().strip():
        return
    pid = int(paths.lock.read_text())
    command = Path(f"/proc/{pid}/cmdline")
    ours = os.fsencode(paths.data.resolve())  # a number may have gone to another process
    if not command.exists() or ours not in command.read_bytes().split(b"\0"):
        return
    os.kill(pid, number)
    await eventually("the runner is gone", lambda: not alive(pid))


Waiting = Callable[[], Awaitable[None]]
