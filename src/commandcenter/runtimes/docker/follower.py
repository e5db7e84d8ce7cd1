"""Copy a container's log from the engine into the attempt's own: redacted, nothing lost or doubled.

The engine keeps what the program wrote; this task, in whatever hub looks after the attempt, copies
it. Beside the log lies a cursor: up to where the engine's stream was taken when the log had so many
lines. It is only written when nothing is held back in between (a part of a line, a part of what
might be a secret). After a kill what the log has beyond the cursor is read from the engine again,
comes out the same, and is left out.
"""

import asyncio
import json
import time
from contextlib import suppress
from datetime import UTC, datetime

from commandcenter.kit.redaction import Redactor
from commandcenter.kit.segment_reader import SYSTEM_STREAM, SegmentReader
from commandcenter.kit.segments import LineAssembler, SegmentWriter, split_line
from commandcenter.runtimes.docker.engine import Engine, EngineError
from commandcenter.runtimes.docker.logstream import (
    BrokenStreamError,
    Chunk,
    Cursor,
    LogParser,
    reaches_back,
)
from commandcenter.runtimes.docker.places import Places
from commandcenter.runtimes.docker.record import Record
from commandcenter.runtimes.errors import RuntimeAwayError

_READ_BYTES = 256 * 1024
_CURSOR_SECONDS = 0.2
_BACK_SECONDS = 1.0  # two streams' times may be out of order by less than this
_SILENT_SECONDS = 10.0  # of an engine that sends nothing more of an ended container
_TAIL_LINES = 1000
_FIRST_PAUSE_SECONDS, _LAST_PAUSE_SECONDS = 0.1, 3.0


class Follower:
    """The one writer of an attempt's log, while it holds the attempt's lock."""

    def __init__(
        self, engine: Engine, places: Places, record: Record, redactor: Redactor | None
    ) -> None:
        """Without a redactor nothing of the program's is copied: it could hold a secret."""
        self._engine = engine
        self._places = places
        self._record = record
        self._redactor = redactor
        self._log = SegmentWriter(
            places.log(record.attempt_id), limit_bytes=record.limits.log_bytes
        )
        cursor, number = self._load()
        self._skip = self._lines_after(number)
        self._parser = LogParser(cursor, tty=record.tty, now=_now)
        self._streams: dict[str, tuple[Redactor, LineAssembler]] = {}
        self._name = places.container(record.attempt_id)
        self._lost = 0
        self._progress = 0  # pieces that came
        self._saved_at = 0.0
        self._closed = False

    async def follow(self) -> None:
        """Copy until the engine says that nothing more will come; survives its restarts."""
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                await self._read(follow=True)
            except (RuntimeAwayError, BrokenStreamError):
                await asyncio.sleep(pause)
                pause = min(_LAST_PAUSE_SECONDS, pause * 2)
            except EngineError:
                return
            else:
                return

    async def drain(self, following: asyncio.Task[None]) -> None:
        """After the container's end: take all that is left, as long as it comes."""
        await self._while_it_comes(following)
        with suppress(RuntimeAwayError, EngineError, BrokenStreamError):
            if not await self._take_tail():
                await self._while_it_comes(asyncio.create_task(self._read(follow=False)))
        self._take(self._parser.finish())
        for stream, (redactor, lines) in self._streams.items():
            rest = lines.feed(redactor.finish())
            self._append(stream, rest + lines.finish())

    async def _while_it_comes(self, reading: asyncio.Task[None]) -> None:
        try:
            while not reading.done():
                before = self._progress
                await asyncio.wait({reading}, timeout=_SILENT_SECONDS)
                if self._progress == before:
                    break
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _take_tail(self) -> bool:
        """Look at the end of the log alone: an engine may end a stream before all was sent.

        Whether all is taken by now.
        """
        if self._redactor is None:
            return True
        self._parser.reconnect()
        params = {"stdout": True, "stderr": True, "timestamps": True, "tail": str(_TAIL_LINES)}
        async with self._engine.stream(
            "GET", f"containers/{self._name}/logs", params=params, seconds=_SILENT_SECONDS
        ) as answer:
            data = await answer.content.read()
        if not reaches_back(data, self._parser.cursor, wanted=_TAIL_LINES, tty=self._record.tty):
            return False
        self._take(self._parser.feed(data))
        return True

    def say(self, text: str) -> None:
        """A line of the runtime's own."""
        words = self._redactor.for_stream().redact_text(text) if self._redactor else text
        with suppress(OSError):
            self._log.append(SYSTEM_STREAM, [words])

    def close(self) -> None:
        """Nothing follows. Idempotent."""
        if self._closed:
            return
        self._closed = True
        if self._lost:
            self.say(
                f"{self._lost:,} lines could not be stored: the host's disk was full or broken"
            )
        with suppress(OSError):
            self._log.close()

    def leave(self) -> None:
        """Go, and let another one continue: the cursor is brought up to date."""
        with suppress(OSError):
            self._save()

    async def _read(self, *, follow: bool) -> None:
        if self._redactor is None:
            return
        self._parser.reconnect()
        params = {"follow": follow, "stdout": True, "stderr": True, "timestamps": True}
        latest = self._parser.cursor.latest
        since = {"since": _before(latest)} if latest else {}
        async with self._engine.stream(
            "GET", f"containers/{self._name}/logs", params={**params, **since}
        ) as answer:
            async for data in answer.content.iter_chunked(_READ_BYTES):
                self._progress += 1
                self._take(self._parser.feed(data))
                await asyncio.sleep(0)
        self._save()

    def _take(self, chunks: list[Chunk]) -> None:
        for chunk in chunks:
            redactor, lines = self._of(chunk.stream)
            self._append(chunk.stream, lines.feed(redactor.feed(b"".join(chunk.data))))
        if time.monotonic() - self._saved_at > _CURSOR_SECONDS:
            with suppress(OSError):
                self._save()

    def _of(self, stream: str) -> tuple[Redactor, LineAssembler]:
        if stream not in self._streams:
            assert self._redactor is not None  # noqa: S101 - `_read` comes first
            self._streams[stream] = (self._redactor.for_stream(), LineAssembler())
        return self._streams[stream]

    def _append(self, stream: str, lines: list[str]) -> None:
        """A full disk costs lines, never the attempt."""
        if self._skip:
            pieces = [piece for line in lines for piece in split_line(line)]
            lines, self._skip = pieces[self._skip :], max(0, self._skip - len(pieces))
        try:
            self._log.append(stream, lines)
        except OSError:
            self._lost += len(lines)

    def _save(self) -> None:
        at_rest = self._parser.is_at_rest and not self._skip
        for redactor, lines in self._streams.values():
            at_rest = at_rest and redactor.is_at_rest and lines.is_at_rest
        if not at_rest:
            return
        self._saved_at = time.monotonic()
        path = self._places.cursor(self._record.attempt_id)
        taken = self._parser.cursor.taken
        told = {stream: (at.decode(), count) for stream, (at, count) in taken.items()}
        text = json.dumps({"number": self._log.last_number, "taken": told})
        temporary = path.with_suffix(".new")
        temporary.write_text(text)
        temporary.replace(path)

    def _load(self) -> tuple[Cursor, int]:
        with suppress(FileNotFoundError, ValueError):
            told = json.loads(self._places.cursor(self._record.attempt_id).read_text())
            taken = {stream: (at.encode(), count) for stream, (at, count) in told["taken"].items()}
            return Cursor(taken), int(told["number"])
        return Cursor(), 0

    def _lines_after(self, number: int) -> int:
        reader = SegmentReader(self._places.log(self._record.attempt_id))
        return sum(record.stream != SYSTEM_STREAM for record in reader.after(number))


def _now() -> bytes:
    """The present as the engine writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z").encode()


def _before(moment: str) -> str:
    """Seconds since the epoch, a little before a moment of the engine's."""
    whole = datetime.fromisoformat(f"{moment.partition('.')[0]}+00:00")
    return f"{whole.timestamp() - _BACK_SECONDS:.0f}"
