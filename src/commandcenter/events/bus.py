"""Fan-out of stored events within this process.

Subscribers hold no queue of their own: the bus keeps the newest events in one bounded buffer and
wakes whoever waits. A subscriber that fell behind the buffer reads the rest from the database, so
that memory does not grow with the number of clients or with how slow they are.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from pydantic_core import to_json

from commandcenter.events.types import EventType

_BUFFERED_EVENTS = 10_000


@dataclass(frozen=True)
class StoredEvent:
    id: int
    at: datetime
    type: str
    run_id: str | None
    project_id: str | None
    subject: str
    data: dict[str, Any]

    @cached_property
    def json(self) -> bytes:
        """The event as sent to clients; made once, however many there are."""
        return to_json(
            {
                "id": self.id,
                "at": self.at,
                "type": self.type,
                "run_id": self.run_id,
                "project_id": self.project_id,
                "subject": self.subject,
                "data": self.data,
            }
        )

    @cached_property
    def text(self) -> str:
        """The same as text, for WebSocket frames."""
        return self.json.decode()


class EventBus:
    """Call it from the event loop's thread alone."""

    def __init__(self) -> None:
        self._buffer: deque[StoredEvent] = deque(maxlen=_BUFFERED_EVENTS)
        self._waiters: set[asyncio.Event] = set()
        self._run_signals: dict[tuple[str | None, str], set[asyncio.Event]] = {}
        self._listeners: list[Callable[[StoredEvent], None]] = []
        self.last_id = 0

    def start_after(self, event_id: int) -> None:
        """Say, before the first event, up to where the past is in the database alone."""
        self.last_id = event_id

    def publish(self, event: StoredEvent) -> None:
        """Hand on an event that is durable by now. Ids must come in increasing order."""
        if event.id <= self.last_id:
            return
        self._buffer.append(event)
        self.last_id = event.id
        for waiter in self._waiters:
            waiter.set()
        for signal in self._run_signals.get((event.run_id, event.type), ()):
            signal.set()
        for listener in self._listeners:
            listener(event)

    def on_event(self, listener: Callable[[StoredEvent], None]) -> None:
        """Call `listener` for every event from now on; it must be quick and never raise."""
        self._listeners.append(listener)

    def buffered_after(self, event_id: int) -> list[StoredEvent] | None:
        """Return the events after `event_id`, or None when the buffer begins later than that."""
        if event_id >= self.last_id:
            return []
        if not self._buffer or self._buffer[0].id > event_id + 1:
            return None
        newer: list[StoredEvent] = []
        for event in reversed(self._buffer):
            if event.id <= event_id:
                break
            newer.append(event)
        newer.reverse()
        return newer

    @contextmanager
    def waiter(self) -> Iterator[asyncio.Event]:
        """Give an `asyncio.Event` that is set at each new event; clear it before reading."""
        signal = asyncio.Event()
        self._waiters.add(signal)
        try:
            yield signal
        finally:
            self._waiters.discard(signal)

    @contextmanager
    def run_signal(self, run_id: str, *types: EventType) -> Iterator[asyncio.Event]:
        """Like `waiter`, for those types of event of one run."""
        signal = asyncio.Event()
        keys = [(run_id, event_type.value) for event_type in types]
        for key in keys:
            self._run_signals.setdefault(key, set()).add(signal)
        try:
            yield signal
        finally:
            for key in keys:
                signals = self._run_signals[key]
                signals.discard(signal)
                if not signals:
                    del self._run_signals[key]
