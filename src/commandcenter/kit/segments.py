"""An append-only, bounded log in a directory: the format and its writer.

A log is a directory of segment files, each named after the number of its first line, so that the
listing is the sparse index from line number to place. A record is one line of text:
`NUMBER MICROSECONDS STREAM TEXT\n`. The head and the tail of the log are kept; when the limit is
reached the oldest segments after the head are deleted and the file `dropped` says how much went.
The file `closed` says that nothing will follow. Readers (`segment_reader`) may be other processes.
"""

import os
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

MAX_LINE_BYTES = 16 * 1024
SEGMENT_SUFFIX = ".log"
DROPPED_NAME = "dropped"
CLOSED_NAME = "closed"
_MIN_SEGMENT_BYTES = 16 * 1024
_MAX_SEGMENT_BYTES = 1024 * 1024
_SEGMENTS_PER_LOG = 32


class Record(NamedTuple):  # made a hundred thousand times a second: half the cost of a dataclass
    number: int  # from 1, never reused; a gap says that lines were dropped
    at: datetime  # UTC
    stream: str  # a short word without spaces
    text: str  # without the newline


@dataclass(frozen=True, slots=True)
class Segment:
    first: int
    path: Path

    @classmethod
    def named(cls, directory: Path, first: int) -> "Segment":
        return cls(first, directory / f"{first:012d}{SEGMENT_SUFFIX}")


@dataclass(frozen=True, slots=True)
class Dropped:
    """The one gap of a log: these lines were written and then deleted to keep the limit."""

    first: int
    last: int
    size: int  # bytes
    limit: int  # bytes

    def encode(self) -> str:
        return f"{self.first} {self.last} {self.size} {self.limit}\n"

    @classmethod
    def decode(cls, text: str) -> "Dropped":
        first, last, size, limit = (int(part) for part in text.split())
        return cls(first, last, size, limit)


def list_segments(directory: Path) -> list[Segment]:
    """Segments in order; empty when there is no such log."""
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        return []
    numbers = sorted(
        int(name.removesuffix(SEGMENT_SUFFIX)) for name in names if name.endswith(SEGMENT_SUFFIX)
    )
    return [Segment.named(directory, number) for number in numbers]


def encode_records(number: int, at_us: int, stream: str, lines: Iterable[str]) -> list[bytes]:
    prefix = f" {at_us} {stream} "
    return [
        f"{index}{prefix}{line}\n".encode("utf-8", "replace")
        for index, line in enumerate(lines, number)
    ]


def decode_records(stored: bytes) -> Iterator[Record]:
    """The records of stored lines, without the last newline; a damaged line is left out."""
    known, at = "", datetime.now(UTC)  # what is appended together has one time
    for line in stored.decode("utf-8", "replace").split("\n"):
        try:
            number, at_us, stream, text = line.split(" ", 3)
            if at_us != known:
                seconds, micros = divmod(int(at_us), 1_000_000)
                at = datetime.fromtimestamp(seconds, UTC).replace(microsecond=micros)
                known = at_us
            record = Record(int(number), at, stream, text)
        except (ValueError, OverflowError, OSError):
            continue
        yield record


@dataclass(slots=True)
class _Closed:
    """A finished segment as the writer remembers it."""

    segment: Segment
    last: int
    size: int


class SegmentWriter:
    """The one writer of a log. Opening an existing log repairs a torn last line and goes on.

    Lines reach the operating system with each `append`; a killed process loses nothing appended.
    `append` raises OSError when the disk is full; lines of that call may then be missing.
    """

    def __init__(self, directory: Path, *, limit_bytes: int) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory = directory
        self._limit = max(limit_bytes, 4 * _MIN_SEGMENT_BYTES)
        self._segment_bytes = min(
            _MAX_SEGMENT_BYTES, max(_MIN_SEGMENT_BYTES, self._limit // _SEGMENTS_PER_LOG)
        )
        self._head_bytes = 0  # kept for ever
        self._tail: deque[_Closed] = deque()
        self._tail_bytes = 0
        self._dropped: Dropped | None = None
        self._next = 1
        self._file: int | None = None
        self._current: Segment | None = None
        self._current_size = 0
        self._restore()

    @property
    def last_number(self) -> int:
        return self._next - 1

    def append(self, stream: str, lines: list[str]) -> None:
        """Append lines (without newlines); longer ones are split at 16 KiB."""
        if not lines:
            return
        pieces = [piece for line in lines for piece in split_line(line)]
        at_us = time.time_ns() // 1000
        records = encode_records(self._next, at_us, stream, pieces)
        batch: list[bytes] = []
        size = 0
        for record in records:
            if self._current_size + size >= self._segment_bytes:
                self._write(batch)
                batch, size = [], 0
                self._rotate()
            batch.append(record)
            size += len(record)
        self._write(batch)

    def close(self) -> None:
        """Say that nothing follows. Idempotent."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
        (self._directory / CLOSED_NAME).touch(mode=0o600)

    def _write(self, batch: list[bytes]) -> None:
        if not batch:
            return
        if self._file is None:
            self._file = self._open(Segment.named(self._directory, self._next))
        data = b"".join(batch)
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._file, view) :]
        except OSError:
            os.ftruncate(self._file, self._current_size)  # no half line
            raise
        self._current_size += len(data)
        self._next += len(batch)

    def _open(self, segment: Segment) -> int:
        fd = os.open(segment.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._current = segment
        self._current_size = os.fstat(fd).st_size
        return fd

    def _rotate(self) -> None:
        if self._file is None or self._current is None:
            return
        os.close(self._file)
        self._file = None
        self._retire(_Closed(self._current, self._next - 1, self._current_size))
        self._current, self._current_size = None, 0

    def _retire(self, closed: _Closed) -> None:
        if not self._tail and self._dropped is None and self._fits_head(closed.size):
            self._head_bytes += closed.size
            return
        self._tail.append(closed)
        self._tail_bytes += closed.size
        while self._tail and self._tail_bytes > self._limit // 2 - self._segment_bytes:
            self._drop(self._tail.popleft())

    def _fits_head(self, size: int) -> bool:
        return self._head_bytes + size <= self._limit // 2

    def _drop(self, closed: _Closed) -> None:
        self._tail_bytes -= closed.size
        before = self._dropped
        self._dropped = Dropped(
            before.first if before else closed.segment.first,
            closed.last,
            (before.size if before else 0) + closed.size,
            self._limit,
        )
        # The note comes first: a reader that misses the segment always finds out why.
        temporary = self._directory / f".{DROPPED_NAME}"
        temporary.write_text(self._dropped.encode())
        temporary.replace(self._directory / DROPPED_NAME)
        closed.segment.path.unlink(missing_ok=True)

    def _restore(self) -> None:
        segments = list_segments(self._directory)
        try:
            text = (self._directory / DROPPED_NAME).read_text()
            self._dropped = Dropped.decode(text)
        except (FileNotFoundError, ValueError):
            self._dropped = None
        if self._dropped:
            self._next = self._dropped.last + 1
        for index, segment in enumerate(segments):
            last, size = _repair(segment.path)
            self._next = max(self._next, last + 1, segment.first)
            if index + 1 < len(segments):
                gap = self._dropped
                if gap is not None and segment.first < gap.first:
                    self._head_bytes += size
                else:
                    self._retire(_Closed(segment, last, size))
            else:
                self._file = self._open(segment)


def _repair(path: Path) -> tuple[int, int]:
    """Cut a torn last line off; return the last line's number and the size."""
    data = path.read_bytes()
    end = data.rfind(b"\n") + 1
    if end < len(data):
        os.truncate(path, end)
    start = data.rfind(b"\n", 0, max(0, end - 1)) + 1
    record = next(decode_records(data[start : end - 1]), None)
    first = int(path.name.removesuffix(SEGMENT_SUFFIX))
    return (record.number if record else first - 1), end


def split_line(line: str) -> list[str]:
    """The line in pieces of at most 16 KiB of UTF-8, never inside a character."""
    if len(line) * 4 <= MAX_LINE_BYTES:
        return [line]
    raw = line.encode("utf-8", "replace")
    if len(raw) <= MAX_LINE_BYTES:
        return [line]
    pieces = []
    start = 0
    while start < len(raw):
        end = min(start + MAX_LINE_BYTES, len(raw))
        while end < len(raw) and raw[end] & 0xC0 == 0x80:  # noqa: PLR2004 - UTF-8 continuation
            end -= 1
        pieces.append(raw[start:end].decode("utf-8"))
        start = end
    return pieces


class LineAssembler:
    """Cut a stream of bytes into lines; a line without an end is given up at 16 KiB."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> list[str]:
        *whole, self._rest = (self._rest + chunk).split(b"\n")
        lines = [_text(line) for line in whole]
        while len(self._rest) > MAX_LINE_BYTES:
            end = MAX_LINE_BYTES
            while end > MAX_LINE_BYTES - 4 and self._rest[end] & 0xC0 == 0x80:  # noqa: PLR2004
                end -= 1
            lines.append(_text(self._rest[:end]))
            self._rest = self._rest[end:]
        return lines

    @property
    def is_at_rest(self) -> bool:
        """Whether no part of a line is held back."""
        return not self._rest

    def finish(self) -> list[str]:
        rest, self._rest = self._rest, b""
        return [_text(rest)] if rest else []


def _text(raw: bytes) -> str:
    return raw.removesuffix(b"\r").decode("utf-8", "replace")
