"""Transactions as plain functions, on both databases."""

import asyncio
import threading
from collections.abc import Callable

import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from commandcenter.kit.clock import utc_now
from commandcenter.kit.database import Database, Transaction, within
from commandcenter.models import Event

_SECONDS = 10.0


class StopError(Exception):
    pass


def add(transaction: Transaction, subject: str) -> str:
    values = {"at": utc_now(), "type": "test", "subject": subject, "data": {"of": subject}}
    transaction.connection.execute(insert(Event), values)
    return subject


def subjects(session: Session) -> list[str]:
    return list(session.scalars(select(Event.subject).order_by(Event.id)))


async def test_what_a_function_does_is_committed_and_its_hooks_run_after(
    database: Database,
) -> None:
    seen: list[str] = []

    def work(transaction: Transaction) -> str:
        transaction.after_commit.append(lambda: seen.append(threading.current_thread().name))
        assert seen == []
        return add(transaction, "one")

    assert await database.transact(work) == "one"

    assert await database.query(subjects) == ["one"]
    assert seen == [threading.current_thread().name]


async def test_what_a_function_did_before_it_raised_is_undone(database: Database) -> None:
    ran: list[bool] = []

    def work(transaction: Transaction) -> None:
        transaction.after_commit.append(lambda: ran.append(True))
        add(transaction, "one")
        raise StopError

    with pytest.raises(StopError):
        await database.transact(work)

    assert await database.transact(lambda transaction: add(transaction, "two")) == "two"
    assert await database.query(subjects) == ["two"]
    assert ran == []


async def test_a_query_changes_nothing_and_its_rows_outlive_it(database: Database) -> None:
    await database.transact(lambda transaction: add(transaction, "one"))

    def work(session: Session) -> Event:
        session.execute(
            insert(Event).values(at=utc_now(), type="test", subject="two", data={"of": "two"})
        )
        return session.scalars(select(Event).order_by(Event.id)).all()[0]

    found = await database.query(work)

    assert (found.subject, found.data) == ("one", {"of": "one"})
    assert await database.query(subjects) == ["one"]


async def test_a_function_is_part_of_the_session_that_it_joins(database: Database) -> None:
    ran: list[str] = []

    def work(transaction: Transaction) -> None:
        ran_now = f"after {add(transaction, 'joined')}"
        transaction.after_commit.append(lambda: ran.append(ran_now))

    async def begin_and_stop() -> None:
        async with database.write() as session:
            await within(session, work)
            raise StopError

    with pytest.raises(StopError):
        await begin_and_stop()
    assert ran == []
    assert await database.query(subjects) == []

    async with database.write() as session:
        await within(session, work)
        await within(session, work)
        assert await session.scalar(select(func.count()).select_from(Event)) == 2
        assert ran == []
    assert ran == ["after joined", "after joined"]


async def test_both_ways_of_writing_wait_for_each_other(database: Database) -> None:
    order: list[int] = []

    def insert_one(number: int) -> Callable[[Transaction], None]:
        def work(transaction: Transaction) -> None:
            add(transaction, str(number))
            transaction.after_commit.append(lambda: order.append(number))

        return work

    async def by_session(number: int) -> None:
        async with database.write() as session:
            await within(session, insert_one(number))

    async with asyncio.timeout(_SECONDS):
        await asyncio.gather(
            *(
                by_session(number) if number % 2 else database.transact(insert_one(number))
                for number in range(20)
            )
        )

    assert sorted(order) == list(range(20))
    if database.is_sqlite:
        assert await database.query(subjects) == [str(number) for number in order]


async def test_a_cancelled_caller_leaves_nothing_half_done(database: Database) -> None:
    """On SQLite the thread goes on: what it commits is told, and the next writer gets its turn."""
    if not database.is_sqlite:
        pytest.skip("a thread carries a transaction out on SQLite alone")
    begun, go_on = threading.Event(), threading.Event()
    ran: list[bool] = []

    def work(transaction: Transaction) -> None:
        begun.set()
        add(transaction, "one")
        go_on.wait(_SECONDS)
        transaction.after_commit.append(lambda: ran.append(True))

    task = asyncio.create_task(database.transact(work))
    assert await asyncio.to_thread(begun.wait, _SECONDS)
    task.cancel()
    waiting = asyncio.create_task(database.transact(lambda own: add(own, "two")))
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(_SECONDS):
        await waiting

    assert await database.query(subjects) == ["one", "two"]
    assert ran == [True]
