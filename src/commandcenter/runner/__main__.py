"""`python -m commandcenter.runner --data DIR`: the supervisor process of one data directory."""

import argparse
import asyncio
import fcntl
import gc
import json
import os
import secrets
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from commandcenter.runner import kernel
from commandcenter.runner.cgroups import Cgroups, open_cgroups, plan_directories, sweep
from commandcenter.runner.host import Host
from commandcenter.runner.paths import RunnerPaths
from commandcenter.runner.server import Server
from commandcenter.runner.supervisor import Supervisor

_ALREADY_RUNNING = 0
_IDLE_CHECK_SECONDS = 1.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="commandcenter-runner")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--idle-minutes", type=float, default=10.0)
    arguments = parser.parse_args()
    os.umask(0o077)
    paths = RunnerPaths(arguments.data.resolve())
    paths.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(paths.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return _ALREADY_RUNNING
    kernel.set_process_name("cc-runner")
    instance = secrets.token_hex(6)
    cgroups = _prepare(paths, instance)
    asyncio.run(_serve(paths, instance, cgroups, arguments.idle_minutes * 60))
    return 0


def _prepare(paths: RunnerPaths, instance: str) -> Cgroups:
    """Sweep what a killed predecessor left, then note and make our own directories."""
    with suppress(FileNotFoundError, ValueError, KeyError):
        sweep(json.loads(paths.leftovers.read_text())["cgroups"])
    hierarchies = plan_directories(instance)
    noted = {"cgroups": [str(hierarchy.directory) for hierarchy in hierarchies]}
    paths.leftovers.write_text(json.dumps(noted))
    return open_cgroups(hierarchies)


async def _serve(paths: RunnerPaths, instance: str, cgroups: Cgroups, idle_seconds: float) -> None:
    ended = asyncio.Event()
    supervisor = Supervisor(paths, Host(cgroups))
    lost = supervisor.account_for_lost()
    if lost:
        sys.stderr.write(f"{lost} attempts were lost with the runner before this one\n")

    def status() -> dict[str, Any]:
        return {
            "attempts": supervisor.count,
            "cgroups": cgroups.available,
            "cgroups_problem": cgroups.problem,
        }

    server = Server(supervisor, paths, instance=instance, status=status, retire=ended.set)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    with suppress(FileNotFoundError):
        paths.socket.unlink()
    home = os.open(paths.home, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    # Through the descriptor, because a socket's path may have at most 107 bytes.
    listener = await asyncio.start_unix_server(
        server.handle, f"/proc/self/fd/{home}/{paths.socket.name}"
    )
    gc.freeze()
    async with listener:
        while not ended.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), _IDLE_CHECK_SECONDS)
            if server.idle_seconds > idle_seconds:
                break
        listener.close()
        with suppress(FileNotFoundError):
            paths.socket.unlink()
        await supervisor.close()
    os.close(home)


if __name__ == "__main__":
    sys.exit(main())
