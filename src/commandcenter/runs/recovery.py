"""What became of the runs that were under way when this process started."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from commandcenter.events.types import EventType
from commandcenter.kit.database import Database
from commandcenter.models import Event
from commandcenter.runs.keeper import Found
from commandcenter.runs.states import RunFailure

_MOST_EVENTS = 1000


@dataclass(frozen=True, slots=True)
class Resumption:
    """One run going on: attempts (ids) by what became of them, and nodes that wait for people."""

    run_id: str
    at: datetime
    adopted: tuple[str, ...]
    run_again: tuple[str, ...]
    lost: tuple[str, ...]
    waiting: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """`pending` runs were found and nothing was heard of them yet."""

    since: datetime
    found: Found
    resumed: tuple[Resumption, ...]
    gave_up: tuple[tuple[str, str], ...]  # run and why
    pending: tuple[str, ...]
    begun: tuple[str, ...]  # were found queued and have begun, or ended, since


class Recovery:
    """The account of one start. On a shared database it tells of the other processes as well."""

    def __init__(self, database: Database, found: Found, since: datetime) -> None:
        self._database = database
        self.found = found
        self.since = since

    async def report(self) -> RecoveryReport:
        """Return the account as it stands; the runs go on one by one after the start."""
        async with self._database.read() as session:
            events = list(
                await session.scalars(
                    select(Event)
                    .where(
                        Event.at >= self.since,
                        Event.type.in_(
                            [
                                EventType.RUN_STARTED.value,
                                EventType.RUN_RESUMED.value,
                                EventType.RUN_FINISHED.value,
                            ]
                        ),
                    )
                    .order_by(Event.id)
                    .limit(_MOST_EVENTS)
                )
            )
        heard = {event.subject for event in events}
        found = (*self.found.resumed, *self.found.resubmitted, *self.found.taken_over)
        resumed = tuple(
            _resumption(event) for event in events if event.type == EventType.RUN_RESUMED.value
        )
        gave_up = tuple(
            (event.subject, event.data["message"])
            for event in events
            if event.data.get("reason") == RunFailure.RESTART_LIMIT.value
        )
        told = {item.run_id for item in resumed} | {run_id for run_id, _ in gave_up}
        return RecoveryReport(
            since=self.since,
            found=self.found,
            resumed=resumed,
            gave_up=gave_up,
            pending=tuple(run_id for run_id in found if run_id not in heard),
            begun=tuple(run_id for run_id in found if run_id in heard and run_id not in told),
        )


def _resumption(event: Event) -> Resumption:
    def ids(name: str) -> tuple[str, ...]:
        found: Any = event.data.get(name, ())
        return tuple(found)

    return Resumption(
        run_id=event.subject,
        at=event.at,
        adopted=ids("adopted"),
        run_again=ids("run_again"),
        lost=ids("lost"),
        waiting=ids("waiting"),
    )
