"""Run one group of probes in a sandbox (`python drive.py DATA AGENT GROUP < canaries`), or jobs
that go over their limits (`python drive.py DATA limits`).

A program of its own, so that it can be run as another user with a bare Python.
"""

import asyncio
import json
import os
import signal
import socket
import sys
from pathlib import Path

from commandcenter.runner.paths import RunnerPaths
from commandcenter.runtimes.sandbox.runtime import SandboxRuntime
from commandcenter.runtimes.spec import AttemptKind, AttemptSpec, Limits


async def probe(data: Path, agent: Path, group: str, canaries: bytes, *, warm: bool) -> str:
    """The probes' results as JSON, or what the sandbox said instead."""
    runtime = SandboxRuntime(data)
    try:
        output = b""
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
                return json.dumps(
                    {"the probes ran": "BROKEN: " + "\n".join([result.message, *lines])}
                )
            output = result.output
            if warm and turn == 0:
                await _until_warm(runtime)
        return output.decode()
    finally:
        await runtime.close()


async def _until_warm(runtime: SandboxRuntime) -> None:
    async with asyncio.timeout(20):
        while not (await runtime.client.status())["warm"]:
            await asyncio.sleep(0.02)


FLOODS = {
    "memory": "h = []\nwhile True: h.append(bytearray(1024 * 1024))",
    "memory of children": (
        "import os, time\nh = []\nfor _ in range(6):\n"
        "    if os.fork() == 0:\n        h = bytearray(40 * 1024 * 1024)\n        time.sleep(30)\n"
        "time.sleep(30)"
    ),
    "processes": (
        "import os, time\nmade = 0\ntry:\n    while made < 500:\n"
        "        if os.fork() == 0: time.sleep(30); os._exit(0)\n        made += 1\n"
        "except OSError: pass\nos._exit(0 if made > 32 else 42)"
    ),
    "disk": "open('/tmp/flood', 'wb').write(bytes(64 * 1024 * 1024))",
    "shared memory": "open('/dev/shm/flood', 'wb').write(bytes(64 * 1024 * 1024))",
    "time": "import signal, time\nsignal.signal(15, signal.SIG_IGN)\ntime.sleep(30)",
    "nothing": "",
}


async def floods(data: Path) -> str:
    """How each flood ended, as JSON, and the capabilities claimed."""
    runtime = SandboxRuntime(data)
    ends: dict[str, object] = {}
    try:
        capabilities = await runtime.capabilities()
        ends["enforced"] = sorted(capabilities.limits)
        ends["watched"] = sorted(capabilities.watched_limits)
        ends["problems"] = list(capabilities.problems)
        for name, code in FLOODS.items():
            spec = AttemptSpec(
                attempt_id=f"flood-{os.getpid()}-{name.replace(' ', '-')}",
                kind=AttemptKind.JOB,
                command=("python", "-c", code),
                agent_directory=None,
                input_json=b"{}",
                workspace=None,
                limits=Limits(memory_bytes=128 * 1024**2, pids=32, disk_bytes=4 * 1024**2),
                timeout_seconds=1.0 if name == "time" else 30.0,
                grace_seconds=0.3,
            )
            result = await runtime.wait(await runtime.start(spec))
            ends[name] = [result.reason, result.exit_code]
        return json.dumps(ends)
    finally:
        await runtime.close()


def free_port() -> int:
    with socket.socket() as probe_:
        probe_.bind(("127.0.0.1", 0))
        return int(probe_.getsockname()[1])


def end_runner(data: Path) -> None:
    lock = RunnerPaths(data).lock
    if not lock.exists() or not lock.read_text().strip():
        return
    pid = int(lock.read_text())
    command = Path(f"/proc/{pid}/cmdline")
    if command.exists() and os.fsencode(data.resolve()) in command.read_bytes().split(b"\0"):
        os.kill(pid, signal.SIGTERM)


if __name__ == "__main__":
    place = Path(sys.argv[1])
    try:
        if sys.argv[2] == "limits":
            sys.stdout.write(asyncio.run(floods(place)))
        else:
            given = sys.stdin.buffer.read()
            agent = Path(sys.argv[2])
            sys.stdout.write(asyncio.run(probe(place, agent, sys.argv[3], given, warm=False)))
    finally:
        end_runner(place)
