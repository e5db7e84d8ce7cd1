"""From the engine's log stream to text in order, and the place in it to go on from. Pure.

Without a terminal the engine sends one frame per message: a header with the stream and a length,
then a time and the message. A message is one line, or a piece of 16 KiB of a longer one; pieces of
one line carry one time, and not every engine ends the last of them with a newline.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

STREAMS = {0: "stdout", 1: "stdout", 2: "stderr"}
_HEADER = struct.Struct(">BxxxI")
_LENGTH = len(b"2026-01-31T01:02:03.123456789Z")
_MAX_FRAME = 1024**2  # the engine cuts lines at 16 KiB
_NONE = (b"", 0)


class BrokenStreamError(Exception):
    """What came is no log."""


@dataclass(slots=True)
class Cursor:
    """Up to where each stream's messages were taken: the last time, and how many had it.

    Messages of one stream come in the order of their times; those of two may be a little out of
    order against each other. Times are text that sorts.
    """

    taken: dict[str, tuple[bytes, int]] = field(default_factory=dict)

    @property
    def latest(self) -> str:
        return max((time for time, _ in self.taken.values()), default=b"").decode()


class Skipper:
    """Leaves out what a cursor says was taken already, when the engine sends it again."""

    def __init__(self, cursor: Cursor) -> None:
        self.left = dict(cursor.taken)  # streams whose new messages have not begun yet
        self._again: dict[str, int] = {}

    def is_new(self, stream: str, time: bytes) -> bool:
        limit = self.left.get(stream)
        if limit is None:
            return True
        last, count = limit
        if time < last:
            return False
        if time == last:
            seen = self._again.get(stream, 0) + 1
            self._again[stream] = seen
            if seen <= count:
                return False
        del self.left[stream]
        return True


@dataclass(slots=True)
class Chunk:
    """Consecutive messages of one stream."""

    stream: str
    data: list[bytes]


class LogParser:
    """Takes bytes as they come and gives what is new, joined per stream; keeps the cursor.

    An engine sends lines of a log that it follows once more when it has begun another file for it.
    They are told by their times, which then go back, and left out. Times go back as well when the
    machine's clock is set back; but then the last one taken lies in the future.
    """

    def __init__(
        self, cursor: Cursor, *, tty: bool = False, now: Callable[[], bytes] = lambda: b"~"
    ) -> None:
        """`now` gives the present moment as text that sorts."""
        self.cursor = cursor
        self._now = now
        self._open: dict[str, bytes] = {}  # the time of a line whose end has not come
        self._tty = tty
        self._rest = b""
        self._skipper = Skipper(cursor)

    def reconnect(self) -> None:
        """Go on with another stream: the engine sends from a little before the cursor."""
        self._rest = b""
        self._skipper = Skipper(self.cursor)

    def feed(self, data: bytes) -> list[Chunk]:
        """Raises `BrokenStreamError`."""
        found: list[Chunk] = []
        taken = self.cursor.taken
        for stream, message in self.messages(data):
            time, _, text = message.partition(b" ")
            moment = time if len(time) == _LENGTH else _sortable(time)
            last = taken.get(stream, _NONE)
            if moment < last[0] <= self._now() and stream not in self._skipper.left:
                self._skipper = Skipper(self.cursor)
            if self._skipper.left and not self._skipper.is_new(stream, moment):
                continue
            taken[stream] = (moment, last[1] + 1 if moment == last[0] else 1)
            if self._open and self._open.pop(stream, moment) != moment:
                text = b"\n" + text
            if not text.endswith(b"\n"):
                self._open[stream] = moment
            if found and found[-1].stream == stream:
                found[-1].data.append(text)
            else:
                found.append(Chunk(stream, [text]))
        return found

    @property
    def is_at_rest(self) -> bool:
        return not self._open

    def messages(self, data: bytes) -> Iterator[tuple[str, bytes]]:
        """Cut into (stream, time and message); what is not complete waits for the next call."""
        return self._lines(data) if self._tty else self._frames(data)

    def _frames(self, data: bytes) -> Iterator[tuple[str, bytes]]:
        data = self._rest + data if self._rest else data
        offset, end = 0, len(data)
        size = _HEADER.size
        while end - offset >= size:
            kind, length = _HEADER.unpack_from(data, offset)
            if kind not in STREAMS or length > _MAX_FRAME:
                raise BrokenStreamError(f"a frame of kind {kind} with {length} bytes")
            if end - offset - size < length:
                break
            start = offset + size
            offset = start + length
            yield STREAMS[kind], data[start:offset]
        self._rest = data[offset:]

    def _lines(self, data: bytes) -> Iterator[tuple[str, bytes]]:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            yield "stdout", line.removesuffix(b"\r") + b"\n"

    def finish(self) -> list[Chunk]:
        """What is left of a terminal's last line."""
        rest, self._rest = self._rest, b""
        return self.feed(rest + b"\n") if self._tty and rest else []


def reaches_back(data: bytes, cursor: Cursor, *, wanted: int, tty: bool) -> bool:
    """Whether the end of a log, its last `wanted` messages, begins with what was taken already.

    Then nothing is missing between what was taken and what `data` holds. Of messages with the very
    time of the cursor only a reading from before can tell which they are. Raises
    `BrokenStreamError`.
    """
    parser = LogParser(Cursor(), tty=tty)
    messages = list(parser.messages(data))
    if len(messages) < wanted:  # it is the whole log
        return True
    first: dict[str, bytes] = {}
    for stream, message in messages:
        first.setdefault(stream, _sortable(message.partition(b" ")[0]))
    known = {stream: time for stream, (time, _) in cursor.taken.items()}
    is_old = first[messages[0][0]] < known.get(messages[0][0], b"")
    return is_old and all(time != known.get(stream) for stream, time in first.items())


def _sortable(time: bytes) -> bytes:
    """A moment as text that sorts: nine digits after the point, whatever the engine sent."""
    text = time.removesuffix(b"Z").partition(b"+")[0]
    whole, _, part = text.partition(b".")
    return b"%b.%bZ" % (whole, part[:9].ljust(9, b"0"))
