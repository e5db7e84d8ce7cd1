"""Read a segmented log (see `segments`), while it is written or long after."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from pathlib import Path

from commandcenter.kit.segments import (
    CLOSED_NAME,
    DROPPED_NAME,
    Dropped,
    Record,
    Segment,
    decode_records,
    list_segments,
)

SYSTEM_STREAM = "system"
_FIRST_PAUSE_SECONDS = 0.001
_LAST_PAUSE_SECONDS = 0.025
_READ_BYTES = 256 * 1024
_NUMBER_BYTES = 20


class _Cursor:
    """A place in the log; `read` returns what was appended since, in bounded pieces.

    With `wanted` of lines only those that have these bytes, which is many times quicker.
    """

    def __init__(self, directory: Path, after: int, wanted: bytes = b"") -> None:
        self._directory = directory
        self._wanted = wanted
        self._segment: Segment | None = None
        self._offset = 0
        self.number = after

    def read(self) -> list[Record]:
        """The next records, at most one piece of a segment; empty when there is none now."""
        if self._segment is None:
            candidates = list_segments(self._directory)
            if not candidates:
                return []
            held = [segment for segment in candidates if segment.first <= self.number + 1]
            self._segment = held[-1] if held else candidates[0]
            self._offset = 0
        while True:
            records = self._piece()
            if records:
                return records
            following = [
                segment
                for segment in list_segments(self._directory)
                if segment.first > self._segment.first
            ]
            if not following:
                return []
            # A last look: the segment may have grown between the two readings.
            records = self._piece()
            if records:
                return records
            self._segment, self._offset = following[0], 0

    def _piece(self) -> list[Record]:
        segment = self._segment
        if segment is None:
            return []
        found: list[Record] = []
        while not found:
            try:
                with segment.path.open("rb") as file:
                    file.seek(self._offset)
                    data = file.read(_READ_BYTES)
            except FileNotFoundError:  # dropped while being read: the gap is told below
                return []
            end = data.rfind(b"\n") + 1
            if not end:
                return []
            self._offset += end
            data = data[: end - 1]
            if self._wanted and self._continues(data):
                lines = b"\n".join(_lines_with(self._wanted, data))
                found = [each for each in decode_records(lines) if each.number > self.number]
                self.number = max(self.number, _number(data[data.rfind(b"\n") + 1 :]))
                continue
            for record in decode_records(data):
                if record.number <= self.number:
                    continue
                if record.number > self.number + 1:
                    found.append(self._gap(record))
                found.append(record)
                self.number = record.number
        return found

    def _continues(self, data: bytes) -> bool:
        """Whether nothing was dropped before these lines: within a segment nothing ever is."""
        return 0 < _number(data) <= self.number + 1 and _number(data[data.rfind(b"\n") + 1 :]) > 0

    def _gap(self, following: Record) -> Record:
        lines = following.number - 1 - self.number
        text = f"{lines:,} lines were dropped here"
        try:
            dropped = Dropped.decode((self._directory / DROPPED_NAME).read_text())
        except (FileNotFoundError, ValueError):
            dropped = None
        if dropped is not None:
            if dropped.last - dropped.first + 1 == lines:
                text = f"{lines:,} lines ({dropped.size:,} bytes) were dropped here"
            text += f": the log is limited to {dropped.limit:,} bytes, its middle is not kept"
        return Record(following.number - 1, following.at, SYSTEM_STREAM, text)


class SegmentReader:
    """All ways to read one log. A log that does not exist (yet) reads as empty."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @property
    def closed(self) -> bool:
        return (self._directory / CLOSED_NAME).exists()

    @property
    def dropped_bytes(self) -> int:
        """How much of the log's middle was deleted to keep its limit."""
        try:
            return Dropped.decode((self._directory / DROPPED_NAME).read_text()).size
        except (FileNotFoundError, ValueError):
            return 0

    def after(self, number: int = 0) -> Iterator[Record]:
        """Records with a number above `number`, up to the present end."""
        cursor = _Cursor(self._directory, number)
        while records := cursor.read():
            yield from records

    def tail(self, lines: int) -> list[Record]:
        """The last `lines` records."""
        segments = list_segments(self._directory)
        if not segments or lines <= 0:
            return []
        found: list[Record] = []
        for index in range(len(segments) - 1, -1, -1):
            first = segments[index].first
            found = list(self.after(first - 1 if index else 0))
            if len(found) >= lines:
                break
        return found[-lines:]

    async def follow(
        self, after: int = 0, *, is_over: Callable[[], bool] | None = None
    ) -> AsyncGenerator[list[Record], None]:
        """Records above `after`, what is there at once, then as they come until the log is closed.

        A batch is never empty, and holds at most what 256 KiB of the log do. `is_over` is asked
        while nothing comes and ends a log whose writer died without closing it.
        """
        cursor = _Cursor(self._directory, after)
        pause = _FIRST_PAUSE_SECONDS
        while True:
            over = self.closed or (
                pause >= _LAST_PAUSE_SECONDS and is_over is not None and is_over()
            )
            records = cursor.read()
            if records:
                yield records
                pause = _FIRST_PAUSE_SECONDS
                await asyncio.sleep(0)
            elif over:
                return
            else:
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LAST_PAUSE_SECONDS)

    def search(self, pattern: str, *, regex: bool = False, after: int = 0) -> Iterator[Record]:
        """Records whose text contains `pattern`; a regular expression (RE2) runs in linear time.

        Raises ValueError when the expression cannot be compiled.
        """
        if regex:
            matches = _regex(pattern)
            return (record for record in self.after(after) if matches(record.text))
        return (record for record in self._with(pattern, after) if pattern in record.text)

    def _with(self, text: str, after: int) -> Iterator[Record]:
        """Records that may have the text, and gaps."""
        cursor = _Cursor(self._directory, after, text.encode("utf-8", "replace"))
        while records := cursor.read():
            yield from records

    def download(self) -> Iterator[bytes]:
        """The whole log as text, one `TIME STREAM TEXT` line per record."""
        batch: list[str] = []
        for record in self.after():
            time = record.at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            batch.append(f"{time} {record.stream} {record.text}\n")
            if len(batch) >= 1000:  # noqa: PLR2004 - a chunk of a convenient size
                yield "".join(batch).encode()
                batch.clear()
        if batch:
            yield "".join(batch).encode()


def _number(line: bytes) -> int:
    """The number that a stored line begins with; 0 when it is damaged."""
    number = line[: line.find(b" ", 0, _NUMBER_BYTES)]
    return int(number) if number.isdigit() else 0


def _lines_with(wanted: bytes, data: bytes) -> Iterator[bytes]:
    place = data.find(wanted)
    while place != -1:
        end = data.find(b"\n", place)
        end = len(data) if end == -1 else end
        yield data[data.rfind(b"\n", 0, place) + 1 : end]
        place = data.find(wanted, end + 1)


def _regex(pattern: str) -> Callable[[str], bool]:
    import re2  # noqa: PLC0415 - a compiled wheel that only searching needs

    options = re2.Options()
    options.log_errors = False
    try:
        compiled = re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0]
        text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise ValueError(f"not a valid regular expression: {text}") from error
    return lambda text: compiled.search(text) is not None
