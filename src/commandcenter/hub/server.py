"""Running the hub: lock, bind, serve, drain."""

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
import uvicorn
from sqlalchemy.exc import SQLAlchemyError

import commandcenter
from commandcenter.auth.bootstrap import Bootstrap
from commandcenter.auth.links import LoginLinks
from commandcenter.events.store import EventStore
from commandcenter.events.types import EventType
from commandcenter.hub.app import create_app
from commandcenter.hub.listen import bind
from commandcenter.hub.lock import DataDirectoryLock, keep_files_private
from commandcenter.hub.loops import loop_factory
from commandcenter.hub.settings import Settings
from commandcenter.kit.database import Database
from commandcenter.kit.disk import disk_full
from commandcenter.kit.draining import Draining
from commandcenter.kit.injection import Services

_log = structlog.get_logger(__name__)
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
# Connections get this long to finish their answers once running work has been drained.
_CONNECTION_SECONDS = 5
_MAX_MESSAGE_BYTES = 64 * 1024
_PING_SECONDS = 20.0
_EVENT_SECONDS = 2.0


@dataclass(frozen=True, slots=True, repr=False)
class Ready:
    """`login_url` holds a one-time token, at the very first start alone; show it to the user."""

    url: str
    login_url: str | None
    cli_token_file: Path


class HubServer:
    """One hub. Make it, `await serve()`; from then on signals, or `stop()`, end it in order."""

    def __init__(self, settings: Settings, *, on_ready: Callable[[Ready], None]) -> None:
        """Lock the data directory and bind the port: what cannot work fails here."""
        self._on_ready = on_ready
        self._lock, self._socket = _claim(settings)
        self.settings = settings.model_copy(update={"port": self._socket.getsockname()[1]})
        self._lock.tell(self.settings.base_url)
        self.app = create_app(self.settings)
        self._server = _Server(_uvicorn_config(self.app, self.settings))
        self._starting: asyncio.Task[Any] | None = None
        self._stopping: asyncio.Task[None] | None = None
        self._is_unwanted = False

    @property
    def services(self) -> Services:
        services: Services = self.app.state.services
        return services

    async def serve(self) -> None:
        """Serve until stopped. Raises what start-up raised."""
        loop = asyncio.get_running_loop()
        self._starting = asyncio.current_task()
        try:
            with _handled_signals(loop, self.stop):
                self._server.on_started = self._announce
                # Not left to uvicorn, which would log an error of the start and exit the process.
                async with self.app.router.lifespan_context(self.app):
                    self._starting = None
                    if self._is_unwanted:
                        return
                    await self._tell(EventType.HUB_STARTED, {"version": commandcenter.__version__})
                    await self._server.serve(sockets=[self._socket])
        except asyncio.CancelledError:
            if not self._is_unwanted:
                raise
        except Exception as error:
            full = disk_full(error, self.settings.data_directory)
            if full is None:
                raise
            full.hint = "Free space there, then start the hub again."
            raise full from error
        finally:
            self.close()

    def close(self) -> None:
        """Let go of port and lock; idempotent, and done by `serve` at its end."""
        self._socket.close()
        self._lock.release()

    def stop(self) -> None:
        """Refuse new work, drain, then end; called a second time, end without draining.

        A start under way is brought to its end first, and given up at the second call.
        """
        if self._starting is not None:
            if self._is_unwanted:
                self._starting.cancel()
            self._is_unwanted = True
        elif self._stopping is None:
            self._stopping = asyncio.ensure_future(self._stop())
        else:
            self._server.should_exit = True

    async def _stop(self) -> None:
        seconds = self.settings.drain_seconds
        _log.info("stopping", drain_seconds=seconds)
        self.services.get(Draining).begin()
        await self._tell(EventType.HUB_STOPPING, {"drain_seconds": seconds})
        drained = await self.services.get(Draining).drain(deadline_seconds=seconds)
        if not drained:
            _log.warning("drain_timed_out", drain_seconds=seconds)
        self._server.should_exit = True

    async def _tell(self, event: EventType, data: Mapping[str, Any]) -> None:
        """Store an event of the hub's own; one that cannot be stored must not stop the hub."""
        database, events = self.services.get(Database), self.services.get(EventStore)
        try:
            async with asyncio.timeout(_EVENT_SECONDS), database.write() as session:
                await events.append(session, event, subject=self.settings.base_url, data=data)
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            _log.warning("event_not_stored", type=event.value, reason=str(error).splitlines()[:1])

    def _announce(self) -> None:
        if self._lock.warning is not None:
            _log.warning("data_directory_not_private", detail=self._lock.warning)
        made = self.services.get(Bootstrap)
        links = self.services.get(LoginLinks)
        self._on_ready(
            Ready(
                url=self.settings.base_url,
                login_url=links.url(made.login_token) if made.login_token is not None else None,
                cli_token_file=made.cli_token_file,
            )
        )


def _claim(settings: Settings) -> tuple[DataDirectoryLock, socket.socket]:
    """Lock and bind, or leave everything as it was."""
    if not os.path.exists(settings.data_directory):  # noqa: PTH110  # False where one may not look
        # Nobody's hub is there to be named, and a taken port leaves no empty directory behind.
        listener = bind(settings)
        try:
            return DataDirectoryLock(settings.data_directory), listener
        except BaseException:
            listener.close()
            raise
    lock = DataDirectoryLock(settings.data_directory)
    try:
        return lock, bind(settings)
    except BaseException:
        lock.release()
        raise


def run(settings: Settings, *, on_ready: Callable[[Ready], None]) -> None:
    """Run a hub until it is stopped, on uvloop where there is one."""
    keep_files_private()
    server = HubServer(settings, on_ready=on_ready)
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(server.serve())


class _Server(uvicorn.Server):
    """uvicorn without its signal handling, which knows nothing of draining."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.on_started: Callable[[], None] | None = None

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started and self.on_started is not None:
            self.on_started()


def _uvicorn_config(app: object, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # type: ignore[arg-type]  # FastAPI is an ASGI application
        http="h11",
        ws="websockets-sansio",
        ws_max_size=_MAX_MESSAGE_BYTES,
        ws_ping_interval=_PING_SECONDS,
        ws_ping_timeout=_PING_SECONDS,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        server_header=False,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=_CONNECTION_SECONDS,
        h11_max_incomplete_event_size=64 * 1024,
    )


@contextmanager
def _handled_signals(
    loop: asyncio.AbstractEventLoop, handler: Callable[[], None]
) -> Iterator[None]:
    installed: list[signal.Signals] = []
    try:
        for number in _SIGNALS:
            try:
                loop.add_signal_handler(number, handler)
            except (ValueError, RuntimeError):
                break  # not the main thread: whoever runs the loop calls `stop`
            installed.append(number)
        yield
    finally:
        for number in installed:
            loop.remove_signal_handler(number)
