"""The attempts that this process looks after, and how it comes to look after one.

Of however many hubs and workers share a data directory, one looks after an attempt: the one that
holds its lock. Whoever asks for an attempt that nobody looks after takes it over.
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime

from commandcenter.kit.redaction import Redactor
from commandcenter.kit.segments import SegmentWriter
from commandcenter.runner.request import Ending, JobRequest, Outcome
from commandcenter.runtimes.docker.engine import EngineError
from commandcenter.runtimes.docker.events import Events
from commandcenter.runtimes.docker.keeper import Keeper
from commandcenter.runtimes.docker.parts import Parts
from commandcenter.runtimes.docker.record import (
    AttemptLock,
    Record,
    forget,
    read_outcome,
    write_outcome,
)
from commandcenter.runtimes.docker.starter import ProgramMissingError, Starter
from commandcenter.runtimes.errors import RuntimeAwayError
from commandcenter.runtimes.spec import AttemptSpec

OTHERS_PAUSE_SECONDS = 0.05
_START_SECONDS = 120.0
_NOT_FOUND = 127
_FIRST_PAUSE_SECONDS, _LAST_PAUSE_SECONDS = 0.1, 3.0


@dataclass(frozen=True, slots=True)
class _Left:
    """An attempt's lock is ours; `is_begun` says whether there is anything to look after."""

    record: Record
    lock: AttemptLock
    is_begun: bool


class Attempts:
    def __init__(self, parts: Parts, events: Events) -> None:
        self._parts = parts
        self._places = parts.places
        self._events = events
        self._locks: dict[str, asyncio.Lock] = {}
        self._keepers: dict[str, Keeper] = {}

    def keeper(self, attempt_id: str) -> Keeper | None:
        """None if another process looks after it, or nobody has to any more."""
        return self._keepers.get(attempt_id)

    async def start(self, spec: AttemptSpec, request: JobRequest) -> None:
        """Start it unless it is known; of several calls at once one starts it."""
        async with self._lock(spec.attempt_id):
            if not await self._take_over(spec.attempt_id, clear=True):
                await self._begin(spec, request)

    async def find(self, attempt_id: str) -> bool:
        """Whether it is known; looked after from now on. Raises `RuntimeAwayError`."""
        async with self._lock(attempt_id):
            return await self._take_over(attempt_id)

    async def find_patiently(self, attempt_id: str) -> bool:
        """The same, waiting for an engine that is away."""
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                return await self.find(attempt_id)
            except (RuntimeAwayError, EngineError):
                await asyncio.sleep(pause)
                pause = min(_LAST_PAUSE_SECONDS, pause * 2)

    def redactor(self, attempt_id: str) -> Redactor | None:
        """None if what is to be hidden is not known any more."""
        keeper = self._keepers.get(attempt_id)
        if keeper is not None:
            return keeper.redactor
        record = Record.read(self._places, attempt_id)
        values = self._parts.hiding.hidden(attempt_id) if record and record.hides else ()
        return None if values is None else Redactor(values)

    async def forget(self, attempt_id: str) -> None:
        """Remove all that is left of an ended attempt but its log. Idempotent."""
        keeper = self._keepers.get(attempt_id)
        if keeper is not None:
            await asyncio.wait({keeper.task})
        async with self._lock(attempt_id):
            await self._parts.containers.remove(self._places.container(attempt_id))
            self._parts.hiding.remove(attempt_id)
            forget(self._places, attempt_id)
        self._locks.pop(attempt_id, None)

    async def close(self) -> None:
        for keeper in list(self._keepers.values()):
            await keeper.close()

    def _lock(self, attempt_id: str) -> asyncio.Lock:
        return self._locks.setdefault(attempt_id, asyncio.Lock())

    async def _take_over(self, attempt_id: str, *, clear: bool = False) -> bool:
        """Whether it is known. With `clear` what was never started is taken away, to begin anew."""
        if attempt_id in self._keepers or read_outcome(self._places, attempt_id) is not None:
            return True
        record = Record.read(self._places, attempt_id)
        if record is None:
            return False
        lock = AttemptLock(self._places.lock(attempt_id))
        if not lock.take():
            return record.begun or not clear
        try:
            left = await self._look(record, lock)
            if left.is_begun:
                await self._events.open()
                self._keep(left.record, lock)
            else:
                lock.release()
        except BaseException:
            lock.release()
            raise
        return left.is_begun or read_outcome(self._places, attempt_id) is not None

    async def _look(self, record: Record, lock: AttemptLock) -> _Left:
        """Find out what a process left that held the lock before; clear away what is nothing."""
        identifier = record.attempt_id
        if read_outcome(self._places, identifier) is not None:
            return _Left(record, lock, is_begun=False)
        told = await self._parts.containers.inspect(identifier)
        if record.begun and (told is None or told["State"]["Status"] != "created"):
            return _Left(record, lock, is_begun=True)
        await self._parts.containers.discard(identifier)
        self._parts.hiding.remove(identifier)
        forget(self._places, identifier)
        return _Left(record, lock, is_begun=False)

    async def _begin(self, spec: AttemptSpec, request: JobRequest) -> None:
        identifier = spec.attempt_id
        home = self._places.attempt(identifier)
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = AttemptLock(self._places.lock(identifier))
        if not lock.take():
            await self._others_start(identifier)
            return
        try:
            await self._events.open()
            record, tmp = await Starter(self._parts).start(spec, request)
        except ProgramMissingError as error:
            self._store_missing(spec, str(error))
            lock.release()
            await self._parts.containers.discard(identifier)
            self._parts.hiding.remove(identifier)
        except BaseException:
            lock.release()
            raise
        else:
            self._keep(record, lock, tmp=tmp)

    async def _others_start(self, attempt_id: str) -> None:
        """Another process starts it: wait until it has."""
        async with asyncio.timeout(_START_SECONDS):
            while True:
                record = Record.read(self._places, attempt_id)
                if record is not None and record.begun:
                    return
                await asyncio.sleep(OTHERS_PAUSE_SECONDS)

    def _keep(self, record: Record, lock: AttemptLock, *, tmp: int | None = None) -> None:
        identifier = record.attempt_id
        keeper = Keeper(self._parts, self._events, record, lock, tmp=tmp)
        self._keepers[identifier] = keeper
        keeper.task.add_done_callback(lambda _: self._keepers.pop(identifier, None))

    def _store_missing(self, spec: AttemptSpec, words: str) -> None:
        """An image without the program: it ended before it began."""
        log = SegmentWriter(self._places.log(spec.attempt_id), limit_bytes=spec.limits.log_bytes)
        log.append("system", [words])
        log.close()
        now = datetime.now(UTC)
        message = f"The program cannot be started: {words}."
        outcome = Outcome(_NOT_FOUND, Ending.EXIT_CODE, message, now, now)
        write_outcome(self._places, spec.attempt_id, outcome)
