"""Reading the events from an id on, whether they are in memory or in the database by now."""

from collections.abc import Sequence
from dataclasses import dataclass

from commandcenter.events.bus import StoredEvent
from commandcenter.events.store import EventStore

_DATABASE_PAGE = 500


@dataclass(slots=True)
class Feed:
    """One reader's place. `position` is the id up to which everything was returned."""

    store: EventStore
    position: int
    run_id: str | None = None

    async def next(self) -> Sequence[StoredEvent]:
        """Return the next events in order, at most a page; empty when there is nothing new."""
        bus = self.store.bus
        newest = bus.last_id
        buffered = bus.buffered_after(self.position)
        if buffered is not None:
            self.position = max(self.position, newest)
            if self.run_id is None:
                return buffered
            return [event for event in buffered if event.run_id == self.run_id]
        rows = await self.store.after(self.position, run_id=self.run_id, limit=_DATABASE_PAGE)
        last = rows[-1].id if rows else self.position
        # A page that is not full holds all there was up to `newest`, which was committed before.
        self.position = last if len(rows) == _DATABASE_PAGE else max(last, newest)
        return rows

    @property
    def is_behind(self) -> bool:
        return self.position < self.store.bus.last_id
