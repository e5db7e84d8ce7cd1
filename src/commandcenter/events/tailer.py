"""Events of all processes on one PostgreSQL, handed to this process's bus in the order of ids.

A notification only says that there is news; the events are read from the table from the last id
on. So a lost notification, or a lost connection, costs time and never an event.
"""

import asyncio
from contextlib import suppress

import psycopg
import structlog
from psycopg import sql
from sqlalchemy import make_url

from commandcenter.events.store import CHANNEL, EventStore
from commandcenter.kit.database import Database

_log = structlog.get_logger(__name__)
_PAGE = 500
_LOOK_ANYWAY_SECONDS = 20.0
_TAKE_SECONDS = 1.0  # for what has begun to arrive
_FIRST_BACKOFF_SECONDS = 0.1
_MAX_BACKOFF_SECONDS = 5.0


class EventTailer:
    """`run()` until cancelled; `is_connected` tells health whether notifications arrive."""

    def __init__(self, database: Database, store: EventStore) -> None:
        url = make_url(database.url).set(drivername="postgresql")
        self._conninfo = url.render_as_string(hide_password=False)
        self._store = store
        self._ready = asyncio.Event()

    @property
    def is_connected(self) -> bool:
        return self._ready.is_set()

    async def wait_until_connected(self, *, timeout_seconds: float) -> bool:
        """Whether the tailer was listening before the deadline."""
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._ready.wait()
        except TimeoutError:
            return False
        return True

    async def run(self) -> None:
        backoff = _FIRST_BACKOFF_SECONDS
        while True:
            try:
                await self._listen()
            except (psycopg.Error, OSError) as error:
                if self._ready.is_set():
                    backoff = _FIRST_BACKOFF_SECONDS
                self._ready.clear()
                _log.warning(
                    "event_listener_disconnected",
                    reason=str(error).partition("\n")[0],
                    retry_seconds=backoff,
                )
            await asyncio.sleep(backoff)
            backoff = min(backoff * 2, _MAX_BACKOFF_SECONDS)

    async def _listen(self) -> None:
        connection = await psycopg.AsyncConnection.connect(
            self._conninfo,
            autocommit=True,
            connect_timeout=5,
            keepalives_idle=5,
            keepalives_interval=2,
            keepalives_count=2,
            tcp_user_timeout=5000,
            application_name="commandcenter events",
        )
        async with connection:
            await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(CHANNEL)))
            self._ready.set()
            while True:
                await self._catch_up()
                if await _has_news(connection):
                    # Ends with the first batch of notifications.
                    async for _ in connection.notifies(timeout=_TAKE_SECONDS, stop_after=1):
                        pass

    async def _catch_up(self) -> None:
        while True:
            rows = await self._store.after(self._store.bus.last_id, limit=_PAGE)
            for row in rows:
                self._store.bus.publish(row)
            if len(rows) < _PAGE:
                return


async def _has_news(connection: psycopg.AsyncConnection) -> bool:
    """Wait until something arrives, be it the end of the connection; False when nothing did.

    Waiting in psycopg wakes ten times a second, which is a quarter of what an idle hub does.
    """
    loop = asyncio.get_running_loop()
    arrived = asyncio.Event()
    socket = connection.fileno()
    loop.add_reader(socket, arrived.set)
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_ANYWAY_SECONDS):
                await arrived.wait()
    finally:
        loop.remove_reader(socket)
    return arrived.is_set()
