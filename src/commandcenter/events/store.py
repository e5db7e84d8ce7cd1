"""Storing events in the transaction of the change they tell of, and reading them back."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from sqlalchemy import String, Table, func, insert, select
from sqlalchemy import cast as sql_cast
from sqlalchemy.ext.asyncio import AsyncSession

from commandcenter.events.bus import EventBus, StoredEvent
from commandcenter.events.types import EventType
from commandcenter.kit.clock import utc_now
from commandcenter.kit.database import Database, Transaction, within
from commandcenter.models import Event

# Sequences hand out ids before the commit, so without this lock a reader could see 8 before 7 and
# never look back for 7. The number is arbitrary and this product's own.
_ADVISORY_LOCK = 0x636F_6D63
CHANNEL = "commandcenter_events"
_PAGE = 1000

# Made once: what is built anew for every event costs more than the database does.
_INSERT = insert(cast("Table", Event.__table__))
_LOCK = select(func.pg_advisory_xact_lock(_ADVISORY_LOCK))
# Delivered by PostgreSQL at the commit, to this process as to every other one.
_INSERT_AND_NOTIFY = _INSERT.returning(func.pg_notify(CHANNEL, sql_cast(Event.id, String)))


class EventStore:
    def __init__(self, database: Database, bus: EventBus) -> None:
        self._database = database
        self.bus = bus

    async def append(
        self,
        session: AsyncSession,
        event_type: EventType,
        *,
        subject: str,
        run_id: str | None = None,
        project_id: str | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        """Add the event to this transaction; it is handed on once the commit is durable.

        Append last in the transaction: on PostgreSQL the writers of events queue from here on.
        """
        await within(
            session,
            lambda transaction: self.add(
                transaction,
                event_type,
                subject=subject,
                run_id=run_id,
                project_id=project_id,
                data=data,
            ),
        )

    def add(
        self,
        transaction: Transaction,
        event_type: EventType,
        *,
        subject: str,
        run_id: str | None = None,
        project_id: str | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        """Do the same in a plain function's transaction."""
        values: dict[str, Any] = {
            "at": utc_now(),
            "type": event_type.value,
            "run_id": run_id,
            "project_id": project_id,
            "subject": subject,
            "data": dict(data or {}),
        }
        connection = transaction.connection
        if self._database.is_sqlite:
            event = StoredEvent(id=connection.execute(_INSERT, values).lastrowid, **values)
            transaction.after_commit.append(lambda: self.bus.publish(event))
            return
        if _ADVISORY_LOCK not in transaction.locks:
            connection.execute(_LOCK)
            transaction.locks.add(_ADVISORY_LOCK)
        connection.execute(_INSERT_AND_NOTIFY, values)

    async def after(
        self, event_id: int, *, run_id: str | None = None, limit: int = _PAGE
    ) -> Sequence[StoredEvent]:
        """Return at most `limit` events with a higher id, in order."""
        query = select(Event).where(Event.id > event_id).order_by(Event.id).limit(limit)
        if run_id is not None:
            query = query.where(Event.run_id == run_id)
        async with self._database.read() as session:
            return [_stored(row) for row in await session.scalars(query)]

    async def last_id(self) -> int:
        async with self._database.read() as session:
            return await session.scalar(select(func.max(Event.id))) or 0


def _stored(row: Event) -> StoredEvent:
    return StoredEvent(
        id=row.id,
        at=row.at,
        type=row.type,
        run_id=row.run_id,
        project_id=row.project_id,
        subject=row.subject,
        data=row.data,
    )
