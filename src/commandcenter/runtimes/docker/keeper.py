"""Look after one attempt: copy its log, hold it to its limits, and store how it ended."""

import asyncio
import math
import os
import shutil
import signal
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from commandcenter.kit.redaction import Redactor
from commandcenter.runner.cgroups import Leaf
from commandcenter.runner.collect import Collected, collect
from commandcenter.runner.plan import remove_planted_redirection
from commandcenter.runner.request import Ending, Outcome
from commandcenter.runner.verdict import judge, say_late
from commandcenter.runtimes.docker.engine import EngineError
from commandcenter.runtimes.docker.events import OUT_OF_MEMORY, Events
from commandcenter.runtimes.docker.follower import Follower
from commandcenter.runtimes.docker.parts import Parts
from commandcenter.runtimes.docker.record import (
    AttemptLock,
    Record,
    decide_ending,
    read_ending,
    write_outcome,
)
from commandcenter.runtimes.docker.use import Use, find_leaf, read_leaf
from commandcenter.runtimes.errors import RuntimeAwayError

_JOB_WATCH_SECONDS, _SERVICE_WATCH_SECONDS = 0.1, 2.0
_FIRST_PAUSE_SECONDS, _LAST_PAUSE_SECONDS = 0.1, 3.0
_SIGNALLED = 128
_KILLED = (_SIGNALLED + signal.SIGKILL, _SIGNALLED + signal.SIGTERM, 255)
_STOPPING_SECONDS = 30.0  # how long before it was away an engine may have ended containers
_OUTSIDE = "It was ended from outside: the container engine or its container was stopped."
_UNKNOWN = "The container engine does not know it any more: its container was removed."


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
        return await self._finish(told)

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
            if not self.record.is_service:
                started = time.monotonic()
                if await asyncio.to_thread(size_of, out, limit) > limit:
                    self._kill_for(Ending.DISK_FULL)
                    return
                await asyncio.sleep(4 * (time.monotonic() - started))
            await asyncio.sleep(pause)

    async def _finish(self, told: dict[str, Any] | None) -> Outcome:
        record, identifier = self.record, self.record.attempt_id
        now = datetime.now(UTC)
        state = told["State"] if told else {}
        started = moment(state.get("StartedAt")) if told else now
        finished = max(started, moment(state.get("FinishedAt"))) if told else now
        code = int(state.get("ExitCode", 0))
        ending = read_ending(self._places, identifier)
        if told is None:
            ending = ending or Ending.LOST
        elif ending is None and state.get("OOMKilled"):
            ending = Ending.OUT_OF_MEMORY
        elif ending is None and self._ended_by_engine(code, finished):
            ending = Ending.LOST
        full = self._is_full()
        collected = await self._collect(told)
        # What is kept is redacted; what the program wrote may not be.
        shutil.rmtree(self._places.inside(identifier, "out"), ignore_errors=True)
        git = record.git_directory
        if git and not record.had_redirection and remove_planted_redirection(git):
            self._follower.say("removed .git/commondir, which the program had planted")
        if self.redactor is None:
            self._follower.say(
                "the rest of the log is withheld: the values to be hidden in it were kept in "
                "memory, and the machine was restarted"
            )
        reason, message = judge(
            record.limits,
            record.timeout_seconds,
            ending=ending,
            lost_by="container engine",
            code=code,
            elapsed=(finished - started).total_seconds(),
            collected=collected,
            full=full,
        )
        if ending is Ending.LOST:
            message = _OUTSIDE if told else _UNKNOWN
        if reason is not None and reason is not Ending.EXIT_CODE:
            self._follower.say(message)
        for note in collected.notes:
            self._follower.say(note)
        return Outcome(
            exit_code=None if ending else code,
            reason=reason,
            message=message,
            started_at=started,
            finished_at=finished,
            cpu_seconds=self._use.cpu_seconds,
            memory_peak_bytes=self._use.memory_peak_bytes,
            has_output=collected.has_output,
            has_artifacts=collected.has_artifacts,
        )

    def _ended_by_engine(self, code: int, finished: datetime) -> bool:
        if code not in (*_KILLED, _SIGNALLED + self.record.stop_signal):
            return False
        if self._signalled or self._away_since is None:
            return self._signalled
        return (self._away_since - finished).total_seconds() < _STOPPING_SECONDS

    async def _collect(self, told: dict[str, Any] | None) -> Collected:
        if self.record.is_service or told is None:  # a service has no results
            return Collected()
        if self.redactor is None:
            return Collected(
                not_stored="the values to be hidden in them were lost when the machine restarted"
            )
        identifier = self.record.attempt_id
        place = self._places.inside(identifier, "out")
        try:
            out = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                return await collect(
                    out,
                    output=self._places.output(identifier),
                    artifacts=self._places.artifacts(identifier),
                    redactor=self.redactor,
                    limit_bytes=self.record.limits.disk_bytes,
                )
            finally:
                os.close(out)
        except OSError as error:
            return Collected(not_stored=error.strerror or str(error))

    def _is_full(self) -> bool:
        if self._tmp is not None:
            state = os.fstatvfs(self._tmp)
            if state.f_blocks > 0 and (state.f_bavail == 0 or state.f_favail == 0):
                return True
        limit = self.record.limits.disk_bytes
        out = self._places.inside(self.record.attempt_id, "out")
        return not self.record.is_service and size_of(out, limit) > limit


def size_of(directory: Path, enough: int) -> int:
    """Bytes on the disk below a directory; links are not followed. Stops counting at `enough`."""
    total, left = 0, [str(directory)]
    while left and total <= enough:
        with suppress(OSError), os.scandir(left.pop()) as entries:
            for entry in entries:
                with suppress(OSError):
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        left.append(entry.path)
    return total


def moment(text: str | None) -> datetime:
    """A time of the engine's; now if it has none yet."""
    if not text or text.startswith("0001"):
        return datetime.now(UTC)
    return datetime.fromisoformat(text).astimezone(UTC)
