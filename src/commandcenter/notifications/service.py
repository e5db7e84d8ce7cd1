"""Delivering what a notifier wrote to people. Every notice reaches the inbox, shown in the UI."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from commandcenter.events.store import EventStore
from commandcenter.events.types import EventType
from commandcenter.kit.clock import utc_now
from commandcenter.kit.database import Database
from commandcenter.kit.ids import new_id
from commandcenter.models import Notification
from commandcenter.notifications import repository
from commandcenter.notifications.errors import NotificationNotFoundError
from commandcenter.notifications.messages import INBOX, notices

_DELIVERED = "delivered"
_FAILED = "failed"


class NotificationService:
    def __init__(self, database: Database, events: EventStore) -> None:
        self._database = database
        self._events = events

    async def deliver(
        self, session: AsyncSession, run_id: str, node: str, outputs: Mapping[str, Any]
    ) -> list[Notification]:
        """Put a step's notices in the inbox, in the transaction that records the step's result.

        A notice for other channels, which are not set up here, is in the inbox all the same, once,
        and an entry per channel says that it was not reached.
        """
        delivered: list[Notification] = []
        found = notices(outputs)
        in_inbox = {(notice.severity, notice.title) for notice in found if notice.channel == INBOX}
        for notice in found:
            channels = [(notice.channel, _DELIVERED if notice.channel == INBOX else _FAILED)]
            if (notice.severity, notice.title) not in in_inbox:
                in_inbox.add((notice.severity, notice.title))
                channels.insert(0, (INBOX, _DELIVERED))
            delivered += [
                Notification(
                    id=new_id("notification"),
                    run_id=run_id,
                    node=node,
                    channel=channel,
                    severity=notice.severity.value,
                    title=notice.title,
                    body=notice.body,
                    state=state,
                    created_at=utc_now(),
                )
                for channel, state in channels
            ]
        session.add_all(delivered)
        await session.flush()
        for notification in delivered:
            await self._events.append(
                session,
                EventType.NOTIFICATION_CREATED,
                subject=notification.id,
                run_id=run_id,
                data={
                    "node": node,
                    "channel": notification.channel,
                    "severity": notification.severity,
                    "title": notification.title,
                    "state": notification.state,
                },
            )
        return delivered

    async def page(
        self, *, run_id: str | None, before: str | None, limit: int
    ) -> Sequence[Notification]:
        """Return notices, the newest first."""
        async with self._database.read() as session:
            return await repository.page(session, run_id=run_id, before=before, limit=limit)

    async def get(self, notification_id: str) -> Notification:
        async with self._database.read() as session:
            found = await repository.find(session, notification_id)
        if found is None:
            raise NotificationNotFoundError(f"there is no notification {notification_id[:100]!r}")
        return found
