"""One door to the database, SQLite or PostgreSQL, with the settings each of them needs.

SQLite has one writer. A transaction that reads first and writes later can fail with "database is
locked" whatever the time-out, because its snapshot is stale by then. So a write transaction here
begins with BEGIN IMMEDIATE, and writers of this process queue on a lock rather than in SQLite.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import event, make_url
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    create_async_engine,
)

_BUSY_TIMEOUT_MS = 10_000
_POOL_SIZE = 8
# What a process may hold up others for when it stands still in the middle of a transaction (paused,
# out of CPU, cut off): PostgreSQL then ends its session, and with it the locks. No transaction of
# ours waits for anything but the database.
IDLE_TRANSACTION_SECONDS = 10.0
# Longer than that, so that whoever waits for such a process outlasts it.
_LOCK_SECONDS = 30.0


def apply_sqlite_pragmas(connection: Any, _record: Any) -> None:
    """Set WAL and friends on a new DB-API connection; DBOS's engine uses it as well."""
    cursor = connection.cursor()
    try:
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute(f"PRAGMA busy_timeout={_BUSY_TIMEOUT_MS}")
        cursor.execute("PRAGMA foreign_keys=ON")
    finally:
        cursor.close()


def sqlite_url(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path}"


def async_url(url: str) -> str:
    """Return the URL with this product's driver: `postgresql://` means psycopg 3 here."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        return parsed.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
    if parsed.get_backend_name() == "sqlite":
        return parsed.set(drivername="sqlite+aiosqlite").render_as_string(hide_password=False)
    raise ValueError(
        f"the database {parsed.get_backend_name()!r} is not supported: use sqlite or postgresql"
    )


AfterCommit = Callable[[], None]


class Database:
    """Sessions for reading and for writing. Close it once at the end of the process."""

    def __init__(
        self, url: str, *, idle_transaction_seconds: float = IDLE_TRANSACTION_SECONDS
    ) -> None:
        """On PostgreSQL a transaction that idles for longer is ended by the server."""
        self.url = async_url(url)
        self.is_sqlite = self.url.startswith("sqlite")
        arguments: dict[str, Any] = {}
        if not self.is_sqlite:
            # A cut link is noticed in seconds rather than in the kernel's quarter of an hour.
            arguments["connect_args"] = {
                "connect_timeout": 5,
                "keepalives_idle": 5,
                "keepalives_interval": 2,
                "keepalives_count": 2,
                "tcp_user_timeout": 5000,
                "fallback_application_name": f"commandcenter-{os.getpid()}",
                "options": _session_options(self.url, idle_transaction_seconds),
            }
            arguments["pool_pre_ping"] = True
        else:
            # Every session below ends its transaction itself; a second rollback at each return to
            # the pool would be one more trip to the connection's thread.
            arguments["pool_reset_on_return"] = None
        self.engine: AsyncEngine = create_async_engine(
            self.url, pool_size=_POOL_SIZE, max_overflow=_POOL_SIZE, pool_timeout=10, **arguments
        )
        self._write_lock = asyncio.Lock()
        if self.is_sqlite:
            event.listen(self.engine.sync_engine, "connect", apply_sqlite_pragmas)
            event.listen(self.engine.sync_engine, "connect", _leave_transactions_to_us)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """Open a session for reading; what it changes is thrown away."""
        async with (
            self.engine.connect() as connection,
            AsyncSession(bind=connection, expire_on_commit=False) as session,
        ):
            if self.is_sqlite:
                await connection.exec_driver_sql("BEGIN")
            try:
                yield session
            finally:
                # Before the rollback, which would otherwise empty the rows that were read.
                session.expunge_all()
                await session.rollback()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        """Open a session whose changes are committed at the end of the block, or all undone.

        Functions put in `after_commit(session)` run once the commit is durable, in order; they must
        be quick and never raise.
        """
        if not self.is_sqlite:
            async with self._transaction(None) as session:
                yield session
        else:
            async with self._write_lock, self._transaction("BEGIN IMMEDIATE") as session:
                yield session

    @asynccontextmanager
    async def _transaction(self, begin: str | None) -> AsyncIterator[AsyncSession]:
        async with (
            self.engine.connect() as connection,
            AsyncSession(bind=connection, expire_on_commit=False) as session,
        ):
            if begin is not None:
                await connection.exec_driver_sql(begin)
            try:
                yield session
                await session.flush()
                await connection.commit()
            except BaseException:
                await session.rollback()
                await connection.rollback()
                raise
            # Still under the writer's lock, so that hooks run in the order of the commits.
            for hook in after_commit(session):
                hook()

    async def close(self) -> None:
        await self.engine.dispose()


def _session_options(url: str, idle_transaction_seconds: float) -> str:
    """Return the settings of a PostgreSQL session; those of the URL come last and win."""
    given = make_url(url).query.get("options", "")
    settings = {
        "idle_in_transaction_session_timeout": idle_transaction_seconds,
        "lock_timeout": _LOCK_SECONDS,
    }
    ours = [f"-c {name}={int(seconds * 1000)}" for name, seconds in settings.items()]
    return " ".join([*ours, given if isinstance(given, str) else " ".join(given)]).strip()


def _leave_transactions_to_us(connection: Any, _record: Any) -> None:
    # The sqlite3 module otherwise begins a deferred transaction of its own before each write.
    connection.isolation_level = None


def after_commit(session: AsyncSession) -> list[AfterCommit]:
    """Return the list of functions to run once this session's transaction is durable."""
    hooks: list[AfterCommit] = session.info.setdefault("after_commit", [])
    return hooks
