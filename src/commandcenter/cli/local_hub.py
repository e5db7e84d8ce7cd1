"""A hub of one's own for one command: made, used, and gone without a trace."""

import asyncio
import os
import secrets
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from commandcenter.cli.hosting import Hub
from commandcenter.cli.problems import HubUnreachableError
from commandcenter.hub.server import Ready
from commandcenter.hub.settings import Settings
from commandcenter.kit.errors import ProblemError
from commandcenter.runner import frames
from commandcenter.runner.ensure import open_connection, runner_holds_lock
from commandcenter.runner.errors import RunnerUnavailableError
from commandcenter.runner.paths import RunnerPaths

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_READY_SECONDS = 60.0
_DRAIN_SECONDS = 5.0
_STOP_SECONDS = 40.0
_RETIRE_SECONDS = 10.0


class LocalHub:
    """A context manager: a hub on a free loopback port, on data of its own.

    It serves on a thread. On the way out it is stopped, its runner is told to end, and data that
    were made for it are removed.
    """

    def __init__(self, *, project: Path, data_directory: Path | None, runtime: str | None) -> None:
        """`data_directory`: kept; None for one that is removed at the end."""
        self._kept = data_directory
        self._project = project
        self._runtime = runtime
        self._made: Path | None = None
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        if self._kept is None:
            # Named before it is made: an interruption right after that must find it.
            self._made = Path(tempfile.gettempdir()) / f"commandcenter-{secrets.token_hex(8)}"
        self.data_directory = self._kept or self._made or Path()
        try:
            if self._made is not None:
                self._made.mkdir(mode=0o700)
            self._hub = Hub(self._settings(), on_ready=self._on_ready)
            self._thread = threading.Thread(target=self._serve, name="hub", daemon=True)
            self._thread.start()
            self._wait_until_ready()
        except BaseException:
            with _undisturbed():
                self._end()
                self._remove()
            raise
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        with _undisturbed():
            self._end()
            self._remove()

    @property
    def url(self) -> str:
        return self._hub.local_url

    def _settings(self) -> Settings:
        # Named one by one: COMMANDCENTER_* describe the hub that serves, not this one.
        values: dict[str, Any] = {"runtime": self._runtime} if self._runtime else {}
        return Settings(
            data_directory=self.data_directory,
            database_url=None,
            host="127.0.0.1",
            port=0,
            allow_remote_access=False,
            public_url=None,
            allowed_roots=(self._project,),
            drain_seconds=_DRAIN_SECONDS,
            metrics_public=False,
            log_level="error",
            log_json=False,
            **values,
        )

    def _serve(self) -> None:
        try:
            with asyncio.Runner() as runner:
                self._loop = runner.get_loop()
                runner.run(self._hub.serve())
        except BaseException as error:  # noqa: BLE001  # handed to the thread that waits
            self._failure = error
        finally:
            self._ready.set()

    def _on_ready(self, _ready: Ready) -> None:
        self._ready.set()

    def _wait_until_ready(self) -> None:
        in_time = self._ready.wait(_READY_SECONDS)
        if isinstance(self._failure, ProblemError):
            raise self._failure
        is_alive = self._thread is not None and self._thread.is_alive()
        if self._failure is not None or not in_time or not is_alive:
            raise HubUnreachableError(
                "The hub for this run did not start.",
                hint="commandcenter doctor looks for the reason.",
            ) from self._failure

    def _end(self) -> None:
        thread = self._thread
        if self._loop is None or thread is None or not thread.is_alive():
            return
        with suppress(RuntimeError):  # the loop has just been closed
            self._loop.call_soon_threadsafe(self._hub.stop)
        thread.join(_STOP_SECONDS)

    def _remove(self) -> None:
        asyncio.run(retire_runner(self.data_directory))
        if self._made is not None:
            remove_tree(self._made)


def remove_tree(folder: Path) -> None:
    """Remove a folder of one's own with all that is in it, read-only folders as well.

    The copies of agents are read-only, and only root may remove what lies in such a folder.
    """
    for place, _, _ in os.walk(folder):
        with suppress(OSError):
            Path(place).chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let a second Ctrl-C not interrupt the clean-up, which has deadlines of its own."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


async def retire_runner(data_directory: Path) -> None:
    """End the idle runner of a data directory, and wait until it has; idempotent."""
    paths = RunnerPaths(data_directory.resolve())
    deadline = time.monotonic() + _RETIRE_SECONDS
    while runner_holds_lock(paths) and time.monotonic() < deadline:
        try:
            reader, writer, _ = await open_connection(paths)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, RunnerUnavailableError):
            await asyncio.sleep(0.05)
            continue
        try:
            async with asyncio.timeout(_RETIRE_SECONDS):
                writer.write(frames.encode({"id": 1, "op": "retire"}))
                await frames.read(reader)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
        await asyncio.sleep(0.05)
