"""`python -m commandcenter.runner --data DIR`: the supervisor process of one data directory."""

import argparse
import asyncio
import fcntl
import gc
import json
import os
import resource
import secrets
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from commandcenter.runner import kernel
from commandcenter.runner.cgroups import open_cgroups, plan_directories, sweep
from commandcenter.runner.guardian import Guardian
from commandcenter.runner.host import Host
from commandcenter.runner.launch import end_processes
from commandcenter.runner.own_log import note
from commandcenter.runner.paths import RunnerPaths
from commandcenter.runner.server import Server
from commandcenter.runner.staging import (
    make_private_namespace,
    remove_directory,
    staging_candidates,
)
from commandcenter.runner.supervisor import Supervisor

_ALREADY_RUNNING = 0
_IDLE_CHECK_SECONDS = 1.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="commandcenter-runner")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--idle-minutes", type=float, default=10.0)
    parser.add_argument("--detach", action="store_true", help="return once it is set up")
    arguments = parser.parse_args()
    os.umask(0o077)
    paths = RunnerPaths(arguments.data.resolve())
    paths.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(paths.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return _ALREADY_RUNNING
    instance = secrets.token_hex(6)
    host, guardian = _prepare(paths, instance)
    if arguments.detach and os.fork():
        os._exit(0)  # the lock and the namespace live on in the child
    try:
        os.ftruncate(lock, 0)
        os.write(lock, f"{os.getpid()}\n".encode())
        kernel.set_process_name("cc-runner")
        kernel.become_subreaper()
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a dozen for each attempt
        asyncio.run(_serve(paths, instance, host, guardian, lock, arguments.idle_minutes * 60))
    finally:  # also when the disk was too full to begin or to end in order
        end_processes(instance)
        host.cgroups.close()
        if host.staging_directory is not None:
            kernel.unmount(str(host.staging_directory))
            remove_directory(str(host.staging_directory))
    return 0


def _prepare(paths: RunnerPaths, instance: str) -> tuple[Host, Guardian]:
    """Sweep what a killed predecessor left, then note, guard and make our own directories."""
    unswept: list[str] = []
    with suppress(FileNotFoundError, ValueError, KeyError):
        left = json.loads(paths.leftovers.read_text())
        end_processes(left["instance"])
        unswept = sweep(left["cgroups"])
        for directory in left["staging"]:
            remove_directory(directory)
    hierarchies = plan_directories(instance)
    cgroups = [*(str(hierarchy.directory) for hierarchy in hierarchies), *unswept]
    places = staging_candidates(instance) if os.geteuid() == 0 else []
    noted = {"instance": instance, "cgroups": cgroups, "staging": places}
    paths.leftovers.write_text(json.dumps(noted))
    guardian = Guardian(instance, cgroups, places)
    guardian.start()
    staging, problem = None, ""
    if os.geteuid() == 0:
        try:
            staging = make_private_namespace(instance)
        except OSError as error:
            problem = f"a hub run as root needs a mount namespace of its own ({error})"
    opened = open_cgroups(hierarchies)
    return Host(paths.data, opened, staging, instance, problem, guardian.mark), guardian


def _still_ours(paths: RunnerPaths, lock: int) -> bool:
    """Whether the data directory is still there, and its lock the one that is held."""
    try:
        return os.path.samestat(paths.lock.stat(), os.fstat(lock))
    except OSError:
        return False


async def _serve(
    paths: RunnerPaths,
    instance: str,
    host: Host,
    guardian: Guardian,
    lock: int,
    idle_seconds: float,
) -> None:
    ended = asyncio.Event()
    guarding = asyncio.create_task(guardian.watch())
    supervisor = Supervisor(paths, host)
    lost = supervisor.account_for_lost()
    if lost:
        note(f"{lost} attempts were lost with the runner before this one")

    def status() -> dict[str, Any]:
        return {
            "attempts": supervisor.count,
            "warm": supervisor.warm,
            "guardian": guardian.pid,
            "cgroups": host.cgroups.available,
            "cgroups_problem": host.cgroups.problem,
            "problem": host.problem,
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
            if server.idle_seconds > idle_seconds or not _still_ours(paths, lock):
                break
        supervisor.closing = True
        listener.close()
        with suppress(FileNotFoundError):
            paths.socket.unlink()
        await supervisor.close()
    guarding.cancel()
    os.close(home)


if __name__ == "__main__":
    sys.exit(main())
