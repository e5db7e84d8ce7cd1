"""The services of a hub, made in order and taken down in reverse, each with a deadline."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from commandcenter.auth.authenticator import Authenticator
from commandcenter.auth.bootstrap import Bootstrap, bootstrap
from commandcenter.auth.cookies import SessionCookie
from commandcenter.auth.credentials import CredentialService
from commandcenter.auth.links import LoginLinks
from commandcenter.auth.principals import PrincipalService
from commandcenter.events.bus import EventBus
from commandcenter.events.retention import prune_events
from commandcenter.events.store import EventStore
from commandcenter.hub.health import (
    Check,
    CheckResult,
    Health,
    HealthService,
    LoopLag,
    add_database_checks,
    disk_check,
)
from commandcenter.hub.migrate import migrate
from commandcenter.hub.settings import Settings
from commandcenter.kit.database import Database
from commandcenter.kit.draining import Draining
from commandcenter.kit.injection import Services
from commandcenter.observability.logging import configure_logging
from commandcenter.observability.metrics import Metrics
from commandcenter.observability.redaction import Redactor
from commandcenter.secrets.cipher import load_cipher
from commandcenter.secrets.service import SecretService

if TYPE_CHECKING:
    from commandcenter.events.tailer import EventTailer

_log = structlog.get_logger(__name__)
_CLOSE_SECONDS = 5.0
_CONNECT_SECONDS = 5.0
_DAY_SECONDS = 24 * 3600.0
_FIRST_PRUNING_SECONDS = 60.0


@asynccontextmanager
async def assemble(
    settings: Settings, services: Services, parts: "Sequence[Part]" = ()
) -> AsyncIterator[None]:
    """Fill `services` with the platform and then the parts, in order.

    On the way out background work is stopped first and the database closed last.
    """
    async with AsyncExitStack() as stack:
        assembly = Assembly(settings, services, stack)
        await _platform(assembly)
        for part in parts:
            await part(assembly)
        # Only now: a start keeps the loop busy, and that says nothing of how it will serve.
        assembly.run_in_background("loop_lag", services.get(LoopLag).measure())
        yield


class Assembly:
    """What the parts below need to add themselves."""

    def __init__(self, settings: Settings, services: Services, stack: AsyncExitStack) -> None:
        self.settings = settings
        self.services = services
        self._stack = stack

    def on_close(
        self, name: str, close: Callable[[], Awaitable[None]], *, seconds: float = _CLOSE_SECONDS
    ) -> None:
        """Have `close` called at the end; later ones first. One that hangs does not stop others."""

        async def close_in_time() -> None:
            try:
                async with asyncio.timeout(seconds):
                    await close()
            except TimeoutError:
                _log.warning("close_timed_out", service=name, seconds=seconds)
            except Exception as error:  # noqa: BLE001  # the rest has to be closed all the same
                _log.error("close_failed", service=name, exc_info=error)

        self._stack.push_async_callback(close_in_time)

    def run_in_background(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run until the end of the hub. An error is logged, and the hub goes on without it."""
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(_log_failure)

        async def cancel() -> None:
            task.cancel()
            await asyncio.wait([task])

        self.on_close(name, cancel)


Part = Callable[[Assembly], Awaitable[None]]


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        _log.error("background_work_failed", name=task.get_name(), exc_info=task.exception())


async def _platform(assembly: Assembly) -> None:
    """Database, events, auth, health: what every other service builds on."""
    settings, services = assembly.settings, assembly.services
    services.add(settings)
    services.add(Draining())
    redactor = Redactor()
    configure_logging(redactor, level=settings.log_level, json=settings.log_json)
    services.add(redactor)

    database = Database(settings.effective_database_url)
    services.add(database)
    assembly.on_close("database", database.close)
    await migrate(database)

    bus = EventBus()
    events = EventStore(database, bus)
    services.add(bus)
    services.add(events)
    bus.start_after(await events.last_id())
    metrics = Metrics()
    services.add(metrics)
    bus.on_event(metrics.observe)
    tailer: EventTailer | None = None
    if not database.is_sqlite:
        # Imports psycopg, which a hub on SQLite has no need of.
        from commandcenter.events import tailer as tailing  # noqa: PLC0415

        tailer = tailing.EventTailer(database, events)
        services.add(tailer)
        assembly.run_in_background("event_tailer", tailer.run())
        await tailer.wait_until_connected(timeout_seconds=_CONNECT_SECONDS)

    authenticator = Authenticator(database, SessionCookie(secure=settings.is_https))
    services.add(authenticator)
    services.add(PrincipalService(database))
    services.add(CredentialService(database))
    services.add(LoginLinks(settings.base_url))
    made: Bootstrap = await bootstrap(database, settings.data_directory)
    services.add(made)
    assembly.on_close("last_used", authenticator.flush_last_used)
    assembly.run_in_background("last_used", authenticator.keep_last_used())
    assembly.run_in_background("pruning", _prune_daily(assembly))

    vault = SecretService(database, load_cipher(settings.data_directory), redactor)
    await vault.start()
    services.add(vault)

    health = HealthService()
    lag = LoopLag()
    add_database_checks(health, database)
    health.add("event_loop", lag.check)
    health.add("disk", disk_check(settings.data_directory, low_bytes=settings.low_disk_bytes))
    if tailer is not None:
        health.add("event_listener", _listener_check(tailer))
    services.add(health)
    assembly.on_close("health", health.close)
    services.add(lag)


def _listener_check(tailer: "EventTailer") -> Check:
    async def check() -> CheckResult:
        if tailer.is_connected:
            return CheckResult()
        return CheckResult(Health.DEGRADED, "not connected: events of other processes come late")

    return check


async def _prune_daily(assembly: Assembly) -> None:
    """Delete old events and dead credentials, soon after the start and then once a day."""
    database = assembly.services.get(Database)
    credentials = assembly.services.get(CredentialService)
    older_than = timedelta(days=assembly.settings.event_retention_days)
    await asyncio.sleep(_FIRST_PRUNING_SECONDS)
    while True:
        try:
            events = await prune_events(database, older_than=older_than)
            tokens = await credentials.prune()
        except SQLAlchemyError as error:
            _log.warning("pruning_failed", exc_info=error)
        else:
            _log.info("pruned", events=events, credentials=tokens)
        await asyncio.sleep(_DAY_SECONDS)
