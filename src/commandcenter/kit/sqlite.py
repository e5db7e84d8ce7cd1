"""SQLite's blocking calls, off the event loop, in as few trips to another thread as they need."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import aiosqlite
from sqlalchemy import Connection, Engine, create_engine, make_url

_BUSY_TIMEOUT_MS = 10_000
_THREADS = 4
_ROWS_AT_A_TIME = 64  # of an aiosqlite cursor that is iterated, which SQLAlchemy never does

T = TypeVar("T")


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


def leave_transactions_to_us(connection: Any, _record: Any) -> None:
    # The sqlite3 module otherwise begins a deferred transaction of its own before each write.
    connection.isolation_level = None


class SqliteThreads:
    """Threads with connections of their own, each of which does a whole transaction at a time."""

    def __init__(self, url: str) -> None:
        self.engine: Engine = create_engine(
            make_url(url).set(drivername="sqlite"),
            pool_size=_THREADS,
            max_overflow=0,
            pool_reset_on_return=None,
            connect_args={"check_same_thread": False},
        )
        self._executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="database")

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Return what `work` returns; what it changes is thrown away."""
        return await self._in_thread(self._read, work)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Commit what `work` does and return what it returns. Call it for one at a time."""
        return await self._in_thread(self._write, work)

    async def close(self) -> None:
        """Wait for what is under way."""
        await asyncio.to_thread(self._executor.shutdown)
        self.engine.dispose()

    async def _in_thread(
        self, how: Callable[[Callable[[Connection], T]], T], work: Callable[[Connection], T]
    ) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, how, work)

    def _read(self, work: Callable[[Connection], T]) -> T:
        with self.engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            try:
                return work(connection)
            finally:
                connection.rollback()

    def _write(self, work: Callable[[Connection], T]) -> T:
        with self.engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                result = work(connection)
                connection.commit()
            except BaseException:
                connection.rollback()
                raise
            return result


def driver_connection(url: str) -> aiosqlite.Connection:
    """Make the connection that SQLAlchemy's asynchronous engine awaits and then uses."""
    path = make_url(url).database or ""
    connection = _Connection(
        lambda: sqlite3.connect(path, check_same_thread=False), _ROWS_AT_A_TIME
    )
    # As SQLAlchemy sets it on those that it makes itself: none keeps the process from ending.
    connection._thread.daemon = True  # noqa: SLF001  # there is no other way to say so
    return connection


class _Connection(aiosqlite.Connection):
    """One trip to its thread per statement. The library takes four: for a cursor, for executing,
    for fetching and for closing it."""  # noqa: D209  # one sentence

    async def cursor(self) -> Any:  # type: ignore[override]  # what SQLAlchemy needs of one
        return _Cursor(self)

    async def run(self, work: Callable[[sqlite3.Cursor], object]) -> "_Outcome":
        found: _Outcome = await self._execute(self._run, work)  # type: ignore[no-untyped-call]
        return found

    def _run(self, work: Callable[[sqlite3.Cursor], object]) -> "_Outcome":
        cursor = self._conn.cursor()
        try:
            work(cursor)
            return cursor.description, cursor.fetchall(), cursor.lastrowid, cursor.rowcount
        finally:
            cursor.close()


_Outcome = tuple[Any, list[Any], int | None, int]


class _Cursor:
    def __init__(self, connection: _Connection) -> None:
        self._connection = connection
        self._rows: list[Any] = []
        self.description: Any = None
        self.lastrowid: int | None = None
        self.rowcount = -1

    async def execute(self, statement: str, parameters: Sequence[Any] = ()) -> None:
        await self._do(lambda cursor: cursor.execute(statement, parameters))

    async def executemany(self, statement: str, parameters: Iterable[Sequence[Any]]) -> None:
        await self._do(lambda cursor: cursor.executemany(statement, parameters))

    async def fetchall(self) -> list[Any]:
        return self._rows

    async def close(self) -> None:
        """Do nothing: that was done in the same trip."""

    async def _do(self, work: Callable[[sqlite3.Cursor], object]) -> None:
        outcome = await self._connection.run(work)
        self.description, self._rows, self.lastrowid, self.rowcount = outcome
