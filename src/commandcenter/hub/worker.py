"""A worker: a process that executes runs and serves nothing. Any number, on PostgreSQL."""

import asyncio
import fcntl
import os
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import structlog

from commandcenter.hub.assembly import Assembly, assemble
from commandcenter.hub.execution import installation_id, start_execution
from commandcenter.hub.loops import loop_factory
from commandcenter.hub.settings import Settings
from commandcenter.hub.work import add_domains
from commandcenter.kit.draining import Draining
from commandcenter.kit.errors import ConflictError
from commandcenter.kit.injection import Services

_log = structlog.get_logger(__name__)
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_MOST_PER_HOST = 1000


class WorkerDatabaseError(ConflictError):
    code = "worker_needs_postgresql"
    title = "Workers need PostgreSQL"


class WorkerPlace:
    """The lowest free number on this host: unique while held, and the same after a restart.

    Held by the kernel for this process, so that it is free again however the process dies.
    """

    def __init__(self, data_directory: Path) -> None:
        directory = data_directory / "workers"
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        host = socket.gethostname()
        for number in range(_MOST_PER_HOST):
            path = directory / f"{host}-{number}.lock"
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                continue
            self._descriptor = descriptor
            self.executor_id = f"worker-{installation_id(data_directory)}-{host}-{number}"
            return
        raise ConflictError(f"{_MOST_PER_HOST} workers run on this host already.")

    def release(self) -> None:
        os.close(self._descriptor)


def run_worker(settings: Settings, *, on_ready: Callable[[str], None]) -> None:
    """Execute runs until SIGINT or SIGTERM, then drain; the second signal ends it at once.

    `on_ready` is told the executor id. Raises `WorkerDatabaseError` on SQLite, where the hub
    executes everything itself. The data directory is the hub's: agents, logs and artifacts lie
    there.
    """
    if settings.effective_database_url.startswith("sqlite"):
        raise WorkerDatabaseError(
            "Several processes cannot share the execution of runs on SQLite.",
            hint="Set COMMANDCENTER_DATABASE_URL=postgresql://... for the hub and its workers.",
        )
    place = WorkerPlace(settings.data_directory)
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(_work(settings, place.executor_id, on_ready))
    finally:
        place.release()


async def _work(settings: Settings, executor_id: str, on_ready: Callable[[str], None]) -> None:
    services = Services()

    async def add_execution(assembly: Assembly) -> None:
        await start_execution(assembly, executor_id=executor_id)

    async with assemble(settings, services, (add_domains, add_execution)):
        asked, again = asyncio.Event(), asyncio.Event()

        def stop() -> None:
            (again if asked.is_set() else asked).set()

        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, stop)
        on_ready(executor_id)
        await asked.wait()
        _log.info("worker_stopping", executor_id=executor_id)
        draining = asyncio.create_task(
            services.get(Draining).drain(deadline_seconds=settings.drain_seconds)
        )
        impatience = asyncio.create_task(again.wait())
        await asyncio.wait({draining, impatience}, return_when=asyncio.FIRST_COMPLETED)
        for task in (draining, impatience):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
