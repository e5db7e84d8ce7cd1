"""Run one group of probes in a sandbox: `python drive.py DATA AGENT GROUP < canaries`.

A program of its own, so that it can be run as another user with a bare Python.
"""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from commandcenter.runner.paths import RunnerPaths
from commandcenter.runtimes.base import AttemptKind, AttemptSpec, Limits
from commandcenter.runtimes.sandbox.runtime import SandboxRuntime


async def probe(data: Path, agent: Path, group: str, canaries: bytes, *, warm: bool) -> str:
    """The probes' results as JSON, or what the sandbox said instead."""
    runtime = SandboxRuntime(data)
    try:
        for turn in range(2 if warm else 1):
            spec = AttemptSpec(
                attempt_id=f"probe-{group}-{os.getpid()}-{turn}-{warm}",
                kind=AttemptKind.JOB,
                command=("python", f"{group}.py") if warm else ("python", "probes.py", group),
                agent_directory=agent,
                input_json=canaries,
                workspace=None,
                limits=Limits(memory_bytes=256 * 1024**2),
                timeout_seconds=30.0,
                warm=warm,
            )
            handle = await runtime.start(spec)
            result = await runtime.wait(handle)
            if result.reason is not None or result.output is None:
                lines = [line.text async for line in runtime.logs(handle)]
                return json.dumps({"the probes ran": "BROKEN: " + "\n".join([result.message, *lines])})
            if warm and turn == 0:
                await _until_warm(runtime)
        return result.output.decode()
    finally:
        await runtime.close()


async def _until_warm(runtime: SandboxRuntime) -> None:
    async with asyncio.timeout(20):
        while not (await runtime.client.status())["warm"]:
            await asyncio.sleep(0.02)


def end_runner(data: Path) -> None:
    lock = RunnerPaths(data).lock
    if lock.exists() and lock.read_text().strip():
        os.kill(int(lock.read_text()), signal.SIGTERM)


if __name__ == "__main__":
    place = Path(sys.argv[1])
    try:
        print(
            asyncio.run(
                probe(place, Path(sys.argv[2]), sys.argv[3], sys.stdin.buffer.read(), warm=False)
            )
        )
    finally:
        end_runner(place)
