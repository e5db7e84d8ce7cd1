"""The runner is killed at any moment of starting services: nothing outlives it, all start again."""

import asyncio
import os
import signal
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from commandcenter.runner.paths import RunnerPaths
from commandcenter.runtimes.base import Handle
from commandcenter.runtimes.errors import PortTakenError, ServiceConflictError
from commandcenter.runtimes.spec import AttemptKind, AttemptSpec, PublishedPort, ServiceSpec, Volume
from tests.integration.services.conftest import LIMITS, Stack, free_port


def below(pid: int) -> list[int]:
    """All processes below the runner."""
    found = [pid]
    for parent in found:
        with suppress(OSError):
            text = Path(f"/proc/{parent}/task/{parent}/children").read_text()
            found.extend(int(child) for child in text.split())
    return found[1:]


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def described(stack: Stack, name: str, port: int) -> AttemptSpec:
    return AttemptSpec(
        attempt_id=f"killed-{name}.1",
        kind=AttemptKind.SERVICE,
        command=("sh", "-c", "date >> /data/starts; echo up; sleep 60"),
        agent_directory=None,
        input_json=b"",
        workspace=None,
        limits=LIMITS,
        timeout_seconds=float("inf"),
        service=ServiceSpec(
            network="killed",
            names=(name,),
            ports=(PublishedPort(port, 80),),
            volumes=(Volume(stack.volume(name), "/data"),),
        ),
    )


@pytest.mark.parametrize("delay", [0.0, 0.004, 0.008, 0.012, 0.016, 0.024, 0.04, 0.07])
async def test_nothing_outlives_a_killed_runner(stack: Stack, delay: float) -> None:
    await stack.runtime.client.status()
    pid = int(RunnerPaths(stack.data).lock.read_text())
    specs = [described(stack, f"s{number}", free_port()) for number in range(4)]
    starting = [asyncio.create_task(stack.runtime.start(spec)) for spec in specs]
    await asyncio.sleep(delay)
    seen = below(pid)
    os.kill(pid, signal.SIGKILL)
    await asyncio.gather(*starting, return_exceptions=True)
    deadline = time.monotonic() + 15
    while left := [process for process in seen if alive(process)]:
        assert time.monotonic() < deadline, left
        await asyncio.sleep(0.01)
    for spec in specs:  # the ids may be used up, the names, ports and data are not
        again = replace(spec, attempt_id=f"{spec.attempt_id}.again")
        try:
            stack.handles.append(await stack.runtime.start(again))
        except (PortTakenError, ServiceConflictError):  # the first one did, on the second runner
            stack.handles.append(Handle("sandbox", spec.attempt_id))
    for handle in stack.handles:
        async with asyncio.timeout(20):
            async for line in stack.runtime.logs(handle, follow=True):
                assert line.text == "up"
                break
