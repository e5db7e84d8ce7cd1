"""Messages of an engine's log: joined, counted, and never taken twice."""

import struct

import pytest

from commandcenter.runtimes.docker.logstream import (
    BrokenStreamError,
    Cursor,
    LogParser,
    reaches_back,
)


def frame(number: int, text: str, *, stream: int = 1, time: str | None = None) -> bytes:
    payload = f"{time or moment(number)} {text}".encode()
    return struct.pack(">BxxxI", stream, len(payload)) + payload


def moment(number: int) -> str:
    return f"2026-01-01T00:00:{number // 1000:02d}.{number % 1000:09d}Z"


def text(parser: LogParser, data: bytes) -> list[tuple[str, bytes]]:
    return [(chunk.stream, b"".join(chunk.data)) for chunk in parser.feed(data)]


def test_messages_are_joined_whatever_way_they_are_cut() -> None:
    data = frame(1, "a\n") + frame(2, "b\n") + frame(3, "c\n", stream=2) + frame(4, "\n")
    whole = text(LogParser(Cursor()), data)
    assert whole == [("stdout", b"a\nb\n"), ("stderr", b"c\n"), ("stdout", b"\n")]
    parser = LogParser(Cursor())
    pieces = [part for byte in data for part in text(parser, bytes([byte]))]
    assert b"".join(piece for _, piece in pieces) == b"a\nb\nc\n\n"


def test_pieces_of_a_long_line_are_one_line_also_without_its_end() -> None:
    pieces = frame(1, "x" * 16384) + frame(1, "end", time=moment(1)) + frame(2, "next\n")
    assert text(LogParser(Cursor()), pieces) == [("stdout", b"x" * 16384 + b"end\nnext\n")]


@pytest.mark.parametrize("cut", range(1, 12))
def test_after_a_cut_nothing_is_missing_and_nothing_doubled(cut: int) -> None:
    """Some messages have one time; those of two streams are out of order against each other."""
    times = [1, 2, 2, 2, 5, 4, 6, 6, 5, 7, 7, 8]
    streams = [1, 1, 1, 1, 1, 2, 1, 1, 2, 2, 2, 1]
    frames = [
        frame(time, f"{index}\n", stream=stream)
        for index, (time, stream) in enumerate(zip(times, streams, strict=True))
    ]
    whole = [(stream, data) for stream, data in text(LogParser(Cursor()), b"".join(frames))]
    cursor = Cursor()
    before = text(LogParser(cursor), b"".join(frames[:cut]))
    after = text(LogParser(Cursor(dict(cursor.taken))), b"".join(frames))
    for name in ("stdout", "stderr"):
        joined = b"".join(data for stream, data in before + after if stream == name)
        assert joined == b"".join(data for stream, data in whole if stream == name)


def test_times_of_any_precision_are_compared() -> None:
    cursor = Cursor()
    parser = LogParser(cursor)
    parser.feed(frame(0, "a\n", time="2026-01-01T00:00:01.5Z"))
    parser.reconnect()
    again = frame(0, "a\n", time="2026-01-01T00:00:01.5Z")
    later = frame(0, "b\n", time="2026-01-01T00:00:01.50001Z")
    assert text(parser, again + later) == [("stdout", b"b\n")]


def test_the_end_of_a_log_reaches_back_only_beyond_the_cursors_time() -> None:
    cursor = Cursor()
    LogParser(cursor).feed(frame(1, "a\n") + frame(5, "b\n"))
    enough = frame(1, "a\n") + frame(5, "b\n") + frame(6, "c\n")
    assert reaches_back(enough, cursor, wanted=3, tty=False)
    assert not reaches_back(frame(5, "?\n") + frame(6, "c\n"), cursor, wanted=2, tty=False)
    assert not reaches_back(frame(6, "c\n") + frame(7, "d\n"), cursor, wanted=2, tty=False)
    assert reaches_back(frame(6, "c\n"), cursor, wanted=2, tty=False)  # the whole log


def test_lines_sent_once_more_after_a_new_file_are_left_out() -> None:
    other = frame(4, "other\n", stream=2)
    first = [frame(1, "a\n"), frame(2, "b\n"), frame(5, "c\n"), other, frame(5, "d\n")]
    again = [*first[1:], frame(5, "e\n"), frame(6, "f\n")]
    found = text(LogParser(Cursor()), b"".join(first + again + again))
    assert b"".join(data for stream, data in found if stream == "stdout") == b"a\nb\nc\nd\ne\nf\n"
    assert b"".join(data for stream, data in found if stream == "stderr") == b"other\n"


def test_nothing_is_left_out_when_the_clock_was_set_back() -> None:
    parser = LogParser(Cursor(), now=lambda: moment(3).encode())
    data = frame(1, "a\n") + frame(9, "b\n") + frame(2, "c\n") + frame(3, "d\n")
    assert text(parser, data) == [("stdout", b"a\nb\nc\nd\n")]


def test_what_is_no_log_is_refused() -> None:
    with pytest.raises(BrokenStreamError):
        LogParser(Cursor()).feed(b"HTTP/1.1 400 Bad Request")
