"""One door to the database, SQLite or PostgreSQL, with the settings each of them needs.

SQLite has one writer. A transaction that reads first and writes later can fail with "database is
locked" whatever the time-out, because its snapshot is stale by then. So a write transaction here
begins with BEGIN IMMEDIATE, and writers of this process queue on a lock rather than in SQLite.

There are two ways in. Sessions (`read`, `write`) are awaited statement by statement, which on
SQLite is several trips to another thread each. Plain functions (`transact`, `query`) make the trip
once for the whole transaction: for what is done at every step of every run.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, event, make_url
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    create_async_engine,
)
from sqlalchemy.orm import Session

from commandcenter.kit.sqlite import (
    SqliteThreads,
    apply_sqlite_pragmas,
    driver_connection,
    leave_transactions_to_us,
)

_POOL_SIZE = 8
# What a process may hold up others for when it stands still in the middle of a transaction (paused,
# out of CPU, cut off): PostgreSQL then ends its session, and with it the locks. No transaction of
# ours waits for anything but the database.
IDLE_TRANSACTION_SECONDS = 10.0
# Longer than that, so that whoever waits for such a process outlasts it.
_LOCK_SECONDS = 30.0

T = TypeVar("T")


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


@dataclass(slots=True)
class Transaction:
    """A write transaction under way, as plain functions see it."""

    connection: Connection
    # Run once the commit is durable, in order, in the event loop; quick, and never raising.
    after_commit: list[AfterCommit] = field(default_factory=list)
    locks: set[int] = field(default_factory=set)  # advisory locks it holds, on PostgreSQL


class Database:
    """Transactions for reading and for writing. Close it once at the end of the process."""

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
            arguments["async_creator"] = lambda: driver_connection(self.url)
        self.engine: AsyncEngine = create_async_engine(
            self.url, pool_size=_POOL_SIZE, max_overflow=_POOL_SIZE, pool_timeout=10, **arguments
        )
        self._write_lock = asyncio.Lock()
        self._threads: SqliteThreads | None = None
        if self.is_sqlite:
            self._threads = SqliteThreads(self.url)
            for engine in (self.engine.sync_engine, self._threads.engine):
                event.listen(engine, "connect", apply_sqlite_pragmas)
                event.listen(engine, "connect", leave_transactions_to_us)

    async def query(self, work: Callable[[Session], T]) -> T:
        """Return what `work` returns; what it changes is thrown away.

        `work` does not touch the event loop, for on SQLite it runs in a thread.
        """
        if self._threads is not None:
            return await self._threads.read(lambda connection: _queried(connection, work))
        async with self.read() as session:
            return await session.run_sync(work)

    async def transact(self, work: Callable[[Transaction], T]) -> T:
        """Commit what `work` does, or undo it all when it raises, and return what it returns.

        `work` does not touch the event loop, for on SQLite it runs in a thread. A caller that is
        cancelled in the middle learns so at the end; whether it was committed it does not.
        """
        if self._threads is not None:
            return await self._transact_in_thread(self._threads, work)
        async with self.engine.connect() as connection:
            try:
                transaction, result = await connection.run_sync(_begun, work)
                await connection.commit()
            except BaseException:
                await connection.rollback()
                raise
            for hook in transaction.after_commit:
                hook()
            return result

    async def _transact_in_thread(
        self, threads: SqliteThreads, work: Callable[[Transaction], T]
    ) -> T:
        await self._write_lock.acquire()
        under_way = asyncio.ensure_future(
            threads.write(lambda connection: _begun(connection, work))
        )
        # Not left to this task, which may be cancelled: the hooks run in the order of the commits.
        under_way.add_done_callback(self._written)
        try:
            await asyncio.wait([under_way])
        except asyncio.CancelledError:
            await asyncio.wait([under_way])
            raise
        return under_way.result()[1]

    def _written(self, done: "asyncio.Future[tuple[Transaction, T]]") -> None:
        try:
            if not done.cancelled() and done.exception() is None:
                for hook in done.result()[0].after_commit:
                    hook()
        finally:
            self._write_lock.release()

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

        Functions join it by `within(session, ...)`.
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
            joined: Transaction | None = session.info.get("transaction")
            for hook in joined.after_commit if joined is not None else ():
                hook()

    async def close(self) -> None:
        await self.engine.dispose()
        if self._threads is not None:
            await self._threads.close()


def _queried(connection: Connection, work: Callable[[Session], T]) -> T:
    with Session(bind=connection, expire_on_commit=False) as session:
        result = work(session)
        # Before the rollback, which would otherwise empty the rows that were read.
        session.expunge_all()
        return result


def _begun(connection: Connection, work: Callable[[Transaction], T]) -> tuple[Transaction, T]:
    transaction = Transaction(connection)
    return transaction, work(transaction)


def _session_options(url: str, idle_transaction_seconds: float) -> str:
    """Return the settings of a PostgreSQL session; those of the URL come last and win."""
    given = make_url(url).query.get("options", "")
    settings = {
        "idle_in_transaction_session_timeout": idle_transaction_seconds,
        "lock_timeout": _LOCK_SECONDS,
    }
    ours = [f"-c {name}={int(seconds * 1000)}" for name, seconds in settings.items()]
    return " ".join([*ours, given if isinstance(given, str) else " ".join(given)]).strip()


async def within(session: AsyncSession, work: Callable[[Transaction], T]) -> T:
    """Run `work` as a part of this session's transaction."""
    return await session.run_sync(lambda sync_session: work(_joined(sync_session)))


def _joined(session: Session) -> Transaction:
    joined: Transaction | None = session.info.get("transaction")
    if joined is None:
        joined = session.info["transaction"] = Transaction(session.connection())
    return joined
