"""Find the runner of a data directory, or start it."""

import asyncio
import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from commandcenter.kit.disk import data_disk_full, space_at
from commandcenter.kit.processes import ended_afterwards
from commandcenter.runner import frames
from commandcenter.runner.errors import RunnerUnavailableError, RunnerVersionError
from commandcenter.runner.paths import RunnerPaths

_DEADLINE_SECONDS = 15.0
_GREETING_SECONDS = 5.0
_RESTART_SECONDS = 1.0  # a runner that was started has this long to answer
_MAX_OWN_LOG_BYTES = 1024**2
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TMPDIR", "COMMANDCENTER_BWRAP", "XDG_RUNTIME_DIR")


async def ensure_runner(data_directory: Path, *, idle_minutes: float = 10.0) -> None:
    """Return when a runner of this protocol version answers for the data directory.

    It is started if there is none, detached: in a session of its own, so that the end of this
    process, however it comes, does not touch it. Raises `RunnerUnavailableError` after 15 seconds,
    with the runner's last words, or `RunnerVersionError` when a busy runner of another version
    holds the directory.
    """
    paths = RunnerPaths(data_directory.resolve())
    _own_home(paths)
    deadline = time.monotonic() + _DEADLINE_SECONDS
    start_at = 0.0
    pause = 0.005
    while True:
        try:
            _, writer, greeting = await open_connection(paths)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, frames.FrameError) as error:
            now = time.monotonic()
            if now > deadline:
                raise _unavailable(paths, f"it does not answer ({error})") from None
            if now >= start_at:
                await _start(paths, idle_minutes, deadline)
                start_at = time.monotonic() + _RESTART_SECONDS
        else:
            writer.close()
            if greeting.get("version") == frames.PROTOCOL_VERSION:
                return
            await _replace(paths, greeting)
            start_at = 0.0
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, 0.1)


async def open_connection(
    paths: RunnerPaths,
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, dict[str, Any]]:
    """Connect and read the greeting. Raises OSError, TimeoutError, FrameError."""
    home = os.open(paths.home, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        async with asyncio.timeout(_GREETING_SECONDS):
            reader, writer = await asyncio.open_unix_connection(
                f"/proc/self/fd/{home}/{paths.socket.name}"
            )
            try:
                greeting, _ = await frames.read(reader)
            except BaseException:
                writer.close()
                raise
    finally:
        os.close(home)
    return reader, writer, greeting


def runner_holds_lock(paths: RunnerPaths) -> bool:
    """Whether a runner is alive for the directory, without talking to it."""
    try:
        lock = os.open(paths.lock, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def _own_home(paths: RunnerPaths) -> None:
    paths.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = paths.home.stat()
    if status.st_uid != os.geteuid():
        raise RunnerUnavailableError(
            f"{paths.home} belongs to another user (id {status.st_uid}).",
            hint="Use a data directory of your own.",
        )
    if status.st_mode & 0o077:
        paths.home.chmod(0o700)


async def _start(paths: RunnerPaths, idle_minutes: float, deadline: float) -> None:
    """Start a runner; it detaches itself once it is set up, or ends at once if there is one."""
    package_root = str(Path(__file__).resolve().parents[2])
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    environment["PYTHONPATH"] = package_root
    if paths.own_log.exists() and paths.own_log.stat().st_size > _MAX_OWN_LOG_BYTES:
        paths.own_log.replace(paths.own_log.with_suffix(".old"))
    with paths.own_log.open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "commandcenter.runner", "--detach",
            "--data", str(paths.data), "--idle-minutes", str(idle_minutes),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env=environment,
            start_new_session=True,
        )  # fmt: skip
    try:
        async with ended_afterwards(process), asyncio.timeout(deadline - time.monotonic()):
            code = await process.wait()
    except TimeoutError:
        raise _unavailable(paths, "it did not come up in time") from None
    if code > 0:
        if space_at(paths.home).is_exhausted:
            raise data_disk_full(paths.data)
        raise _unavailable(paths, f"it ended at once with {code}")
    # Below 0 somebody killed it on the way: the caller tries again until its deadline.


async def _replace(paths: RunnerPaths, greeting: dict[str, Any]) -> None:
    """Ask an idle runner of another version to make room."""
    _, writer, _ = connection = await open_connection(paths)
    try:
        async with asyncio.timeout(_GREETING_SECONDS):
            writer.write(frames.encode({"id": 1, "op": "retire"}))
            answer, _ = await frames.read(connection[0])
    finally:
        writer.close()
    if not answer.get("retired"):
        raise RunnerVersionError(
            f"A runner with protocol {greeting.get('version')} (process {greeting.get('pid')}) "
            "still runs attempts; this hub speaks protocol "
            f"{frames.PROTOCOL_VERSION}.",
            hint="Wait until they have ended, or cancel them, and try again.",
        )


def _unavailable(paths: RunnerPaths, why: str) -> RunnerUnavailableError:
    try:
        last = paths.own_log.read_bytes()[-2000:].decode("utf-8", "replace").strip()
    except OSError:
        last = ""
    detail = f"The runner for {paths.data} cannot be started: {why}."
    return RunnerUnavailableError(
        f"{detail}\n{last}" if last else detail, hint=f"Its log is {paths.own_log}."
    )
