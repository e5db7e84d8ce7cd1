"""What the engine tells of our containers as it happens: lack of memory, and signals."""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress

from commandcenter.runtimes.docker.engine import Engine, EngineError
from commandcenter.runtimes.docker.places import LABEL_ATTEMPT, Places
from commandcenter.runtimes.errors import RuntimeAwayError

OUT_OF_MEMORY = "oom"
KILLED = "kill"
_READY_SECONDS = 5.0
_FIRST_PAUSE_SECONDS, _LAST_PAUSE_SECONDS = 0.1, 3.0


class Events:
    """One stream of events for all attempts of a data directory."""

    def __init__(self, engine: Engine, places: Places) -> None:
        self._engine = engine
        self._places = places
        self._listeners: dict[str, Callable[[str], None]] = {}
        self._task: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()

    def listen(self, attempt_id: str, heard: Callable[[str], None]) -> None:
        """`heard` is called with OUT_OF_MEMORY or KILLED (by whomever, with whatever signal)."""
        self._listeners[attempt_id] = heard

    def forget(self, attempt_id: str) -> None:
        self._listeners.pop(attempt_id, None)

    async def open(self) -> None:
        """Return once events are heard, so that none of an attempt started next is missed."""
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        with suppress(TimeoutError):
            async with asyncio.timeout(_READY_SECONDS):
                await self._ready.wait()

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _run(self) -> None:
        pause = _FIRST_PAUSE_SECONDS
        filters = {
            **self._places.with_labels(),
            "type": ["container"],
            "event": [OUT_OF_MEMORY, KILLED],
        }
        while True:
            try:
                async with self._engine.stream(
                    "GET", "events", params={"filters": json.dumps(filters)}
                ) as answer:
                    self._ready.set()
                    pause = _FIRST_PAUSE_SECONDS
                    async for line in answer.content:
                        self._tell(line)
            except (RuntimeAwayError, EngineError, ValueError):
                pass
            self._ready.clear()
            await asyncio.sleep(pause)
            pause = min(_LAST_PAUSE_SECONDS, pause * 2)

    def _tell(self, line: bytes) -> None:
        if not line.strip():
            return
        told = json.loads(line)
        attributes = (told.get("Actor") or {}).get("Attributes") or {}
        heard = self._listeners.get(str(attributes.get(LABEL_ATTEMPT)))
        if heard is not None:
            heard(str(told.get("Action") or told.get("status")))
