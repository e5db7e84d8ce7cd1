"""Look after one attempt: copy its log, hold it to its limits, and store how it ended."""

import asyncio
import math
import os
import shutil
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from commandcenter.kit.redaction import Redactor
from commandcenter.kit.segment_reader import SegmentReader
from commandcenter.runner.cgroups import Leaf
from commandcenter.runner.request import Ending, Outcome
from commandcenter.runner.verdict import say_late
from commandcenter.runtimes.docker.conclusion import Case, conclude, moment, size_of
from commandcenter.runtimes.docker.engine import EngineError
from commandcenter.runtimes.docker.events import OUT_OF_MEMORY, Events
from commandcenter.runtimes.docker.follower import Follower
from commandcenter.runtimes.docker.ownership import explain_owners, speaks_of_rights
from commandcenter.runtimes.docker.parts import Parts
from commandcenter.runtimes.docker.record import (
    AttemptLock,
    Record,
    decide_ending,
    read_ending,
    write_outcome,
)
from commandcenter.runtimes.docker.use import Use, find_leaf, read_leaf
from commandcenter.runtimes.errors import RuntimeAwayError, RuntimeRefusedError

_JOB_WATCH_SECONDS, _SERVICE_WATCH_SECONDS = 0.1, 2.0
_LAST_LINES = 20
_FIRST_PAUSE_SECONDS, _LAST_PAUSE_SECONDS = 0.1, 3.0


class Keeper:
    """Holds the attempt's lock from before its start until its result is stored."""

    def __init__(
        self,
        parts: Parts,
        events: Events,
        record: Record,
        lock: AttemptLock,
        *,
        tmp: int | None = None,
    ) -> None:
        """`tmp` is a descriptor of the attempt's /tmp, closed here at the end."""
        self.record = record
        self.ended = asyncio.Event()  # the result is stored
        self._use = Use()
        self._containers = parts.containers
        self._events = events
        self._hiding = parts.hiding
        self._places = parts.places
        self._volumes = parts.volumes
        self._lock = lock
        self._tmp = tmp
        values = parts.hiding.hidden(record.attempt_id) if record.hides else ()
        self.redactor = None if values is None else Redactor(values)
        self._follower = Follower(parts.engine, parts.places, record, self.redactor)
        self._dead = asyncio.Event()
        self._helpers: list[asyncio.Task[None]] = []
        self._away_since: datetime | None = None
        self._signalled = False  # by somebody else than us
        self._leaf: Leaf | None = None
        self._leaf_sought = False
        self.task = asyncio.create_task(self._run())

    async def wait(self) -> None:
        """Return when the result is stored, or nobody looks after it here any more."""
        waiting = asyncio.create_task(self.ended.wait())
        await asyncio.wait({waiting, self.task}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()

    async def close(self) -> None:
        """Leave the attempt to whoever comes next; it runs on."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        self._let_go()  # also when the task had not begun

    async def _run(self) -> None:
        identifier = self.record.attempt_id
        try:
            outcome = await self._keep()
            write_outcome(self._places, identifier, outcome)
            # What is kept is redacted; what the program wrote may not be.
            shutil.rmtree(self._places.inside(identifier, "out"), ignore_errors=True)
            self._follower.close()
            self.ended.set()
            self._hiding.remove(identifier)
            await self._containers.discard(identifier)
        finally:
            await self._cancel_helpers()
            if not self.ended.is_set():
                self._follower.leave()
            self._let_go()

    def _let_go(self) -> None:
        """Idempotent."""
        self._events.forget(self.record.attempt_id)
        if self._tmp is not None:
            os.close(self._tmp)
            self._tmp = None
        self._lock.release()

    async def _cancel_helpers(self) -> None:
        for helper in self._helpers:
            helper.cancel()
        await asyncio.gather(*self._helpers, return_exceptions=True)

    async def _keep(self) -> Outcome:
        self._events.listen(self.record.attempt_id, self._hear)
        following = asyncio.create_task(self._follower.follow())
        self._helpers.append(following)  # so that it is cancelled with the rest
        self._helpers.append(asyncio.create_task(self._watch()))
        if math.isfinite(self.record.timeout_seconds):
            self._helpers.append(asyncio.create_task(self._expire()))
        told = await self._wait_for_end()
        self._dead.set()
        await self._follower.drain(following)
        await self._cancel_helpers()
        outcome = await self._finish(told)
        if self.record.is_service and told is not None and outcome.exit_code:
            await self._explain(told)
        return outcome

    async def _explain(self, told: dict[str, Any]) -> None:
        """Say why it was not let write, where that is to be seen."""
        last = SegmentReader(self._places.log(self.record.attempt_id)).tail(_LAST_LINES)
        if speaks_of_rights(record.text for record in last):
            with suppress(RuntimeAwayError, RuntimeRefusedError, EngineError):
                if words := await explain_owners(self._volumes, told):
                    self._follower.say(words)

    async def _wait_for_end(self) -> dict[str, Any] | None:
        """Return what the engine says of the ended container, None if it does not know it."""
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                await self._containers.wait(self.record.attempt_id)
                told = await self._containers.inspect(self.record.attempt_id)
                if told is None or not told["State"]["Running"]:
                    return told
            except RuntimeAwayError:
                self._away_since = self._away_since or datetime.now(UTC)
                await asyncio.sleep(pause)
                pause = min(_LAST_PAUSE_SECONDS, pause * 2)
            except EngineError:
                await asyncio.sleep(pause)
                pause = min(_LAST_PAUSE_SECONDS, pause * 2)
            else:
                pause = _FIRST_PAUSE_SECONDS

    async def _inspect(self) -> dict[str, Any]:
        """Ask until the engine answers; {} if it does not know the container."""
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                return await self._containers.inspect(self.record.attempt_id) or {}
            except (RuntimeAwayError, EngineError):
                await asyncio.sleep(pause)
                pause = min(_LAST_PAUSE_SECONDS, pause * 2)

    async def _expire(self) -> None:
        told = await self._inspect()
        if not told:
            return
        started = moment(told["State"]["StartedAt"])
        left = self.record.timeout_seconds - (datetime.now(UTC) - started).total_seconds()
        await asyncio.sleep(max(0.0, left))
        if decide_ending(self._places, self.record.attempt_id, Ending.TIMEOUT):
            self._follower.say(say_late(self.record.timeout_seconds))
        await self._persist(self._end)

    async def _end(self) -> None:
        await self._containers.end(
            self.record.attempt_id,
            self.record.stop_signal,
            self.record.grace_seconds,
            self._dead,
        )

    async def _persist(self, do: Any) -> None:
        """Do it until the engine has heard it or the container is dead."""
        pause = _FIRST_PAUSE_SECONDS
        while not self._dead.is_set():
            try:
                await do()
            except (RuntimeAwayError, EngineError):
                await asyncio.sleep(pause)
                pause = min(_LAST_PAUSE_SECONDS, pause * 2)
            else:
                return

    def _hear(self, event: str) -> None:
        if event == OUT_OF_MEMORY:
            # The kernel may have ended just one process; the rest must not go on without it.
            self._kill_for(Ending.OUT_OF_MEMORY)
        elif read_ending(self._places, self.record.attempt_id) is None:
            self._signalled = True

    def _kill_for(self, ending: Ending) -> None:
        if self._dead.is_set():
            return
        decide_ending(self._places, self.record.attempt_id, ending)

        async def kill() -> None:
            await self._containers.kill(self.record.attempt_id)

        self._helpers.append(asyncio.create_task(self._persist(kill)))

    async def read_use(self) -> Use:
        """Limits and use now, as the kernel has them; all None if it cannot be seen from here."""
        if not self._leaf_sought and not self._dead.is_set():
            with suppress(RuntimeAwayError, EngineError):
                told = await self._containers.inspect(self.record.attempt_id)
                if told is not None:
                    pid = int(told["State"]["Pid"])
                    self._leaf = find_leaf(pid, told["Id"], self.record.own_processes)
                    self._leaf_sought = True
        if self._leaf is not None:
            self._use = read_leaf(self._leaf) or self._use
        return self._use

    async def _watch(self) -> None:
        """Read the use while the container stands, and end a job that writes too much to /out."""
        pause = _SERVICE_WATCH_SECONDS if self.record.is_service else _JOB_WATCH_SECONDS
        out = self._places.inside(self.record.attempt_id, "out")
        limit = self.record.limits.disk_bytes
        while True:
            await self.read_use()
            if self._leaf is not None and _lacked_memory(self._leaf):
                self._kill_for(Ending.OUT_OF_MEMORY)  # not every engine tells it
                return
            if not self.record.is_service:
                started = time.monotonic()
                if await asyncio.to_thread(size_of, out, limit) > limit:
                    self._kill_for(Ending.DISK_FULL)
                    return
                await asyncio.sleep(4 * (time.monotonic() - started))
            await asyncio.sleep(pause)

    async def _finish(self, told: dict[str, Any] | None) -> Outcome:
        return await conclude(
            Case(
                places=self._places,
                record=self.record,
                redactor=self.redactor,
                use=self._use,
                told=told,
                tmp_is_full=self._tmp is not None and _is_full(self._tmp),
                was_signalled=self._signalled,
                away_since=self._away_since,
            ),
            self._follower.say,
        )


def _lacked_memory(leaf: Leaf) -> bool:
    with suppress(OSError):
        return leaf.out_of_memory()
    return False


def _is_full(directory: int) -> bool:
    state = os.fstatvfs(directory)
    return state.f_blocks > 0 and (state.f_bavail == 0 or state.f_favail == 0)
