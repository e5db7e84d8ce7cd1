"""Kill a runner with -9 in a burst of starts and tell what is left of it, with no new runner.

A program of its own (`python kills.py DATA TIMES`), so that it can be run as another user with a
bare Python.
"""

import asyncio
import json
import os
import random
import secrets
import shutil
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

from commandcenter.runner.client import RunnerClient
from commandcenter.runner.ensure import ensure_runner
from commandcenter.runner.paths import RunnerPaths
from commandcenter.runner.request import JobLimits, JobRequest

LIMITS = JobLimits(1.0, 256 * 1024**2, 64, 8 * 1024**2, 1024**2)
_SECONDS = 8.0
_BURST = 6
_LONGEST_DELAY_SECONDS = 0.12


async def kill_in_a_burst(data: Path, number: int, *, delete: bool) -> list[str]:
    """What is left some seconds after the kill; `delete` takes the data directory away first."""
    await ensure_runner(data)
    paths = RunnerPaths(data)
    client = RunnerClient(data)
    try:
        guardian = int((await client.status())["guardian"])
        runner = int(paths.lock.read_text())
        noted = json.loads(paths.leftovers.read_text())
        namespace = Path(f"/proc/{runner}/ns/mnt").readlink()
        token = f"6{secrets.randbelow(10**9):09}"  # seconds: the agents' command tells them apart
        agent = data.with_name("agent")
        agent.mkdir(exist_ok=True)
        (agent / "main.py").write_text("import time; time.sleep(60)")
        starting = [
            asyncio.create_task(client.start(_request(agent, token, index)))
            for index in range(_BURST)
        ]
        chance = random.Random(number)
        await asyncio.sleep(chance.uniform(0.0, _LONGEST_DELAY_SECONDS))
        os.kill(runner, signal.SIGKILL)
        if delete:
            shutil.rmtree(data)
        for task in starting:
            task.cancel()
        await asyncio.gather(*starting, return_exceptions=True)
    finally:
        await client.close()
    marks = [f"bwrap-{noted['instance']}\0".encode(), token.encode(), os.fsencode(data.resolve())]
    mine = Path("/proc/self/ns/mnt").readlink()
    deadline = time.monotonic() + _SECONDS
    while True:
        left = _processes(marks, None if namespace == mine else namespace, noted["instance"])
        left += [path for path in noted["cgroups"] + noted["staging"] if os.path.lexists(path)]
        if _lives(guardian):
            left.append(f"the guardian {guardian}")
        if not left or time.monotonic() > deadline:
            return left
        await asyncio.sleep(0.02)


def _request(agent: Path, token: str, index: int) -> JobRequest:
    sleeping = index % 2 == 1
    return JobRequest(
        f"a-{token}-{index}",
        False,
        ("sleep", token) if sleeping else ("python", "main.py"),
        LIMITS,
        60.0,
        1.0,
        agent_directory=None if sleeping else str(agent),
        warm=not sleeping,
    )


def _processes(marks: list[bytes], namespace: Path | None, instance: str) -> list[str]:
    """Living processes with one of the words in their command, or with a staged mount."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with suppress(OSError):
            command = (entry / "cmdline").read_bytes()
            if any(mark in command for mark in marks) and not _is_ours(command):
                found.append(f"{entry.name} {command!r}")
                continue
        with suppress(OSError):
            if namespace and (entry / "ns" / "mnt").readlink() == namespace:
                found.append(f"{entry.name} is in the runner's mount namespace")
        with suppress(OSError):
            if f"commandcenter-{instance}" in (entry / "mountinfo").read_text():
                found.append(f"{entry.name} has a staged mount")
    return found


def _is_ours(command: bytes) -> bool:
    return b"pytest" in command or b"tests.security.sandbox.kills" in command


def _lives(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


async def _campaign(data: Path, times: int) -> dict[str, list[str]]:
    return {
        str(number): await kill_in_a_burst(data, number, delete=number % 2 == 0)
        for number in range(times)
    }


if __name__ == "__main__":
    outcome = asyncio.run(_campaign(Path(sys.argv[1]) / "kills", int(sys.argv[2])))  # to be deleted
    sys.stdout.write(json.dumps(outcome))
