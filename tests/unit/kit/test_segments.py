import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commandcenter.kit.segment_reader import SegmentReader
from commandcenter.kit.segments import (
    MAX_LINE_BYTES,
    LineAssembler,
    Record,
    SegmentWriter,
    list_segments,
    split_line,
)

LIMIT = 256 * 1024


def write(directory: Path, count: int, *, start: int = 1, limit: int = LIMIT) -> SegmentWriter:
    writer = SegmentWriter(directory, limit_bytes=limit)
    for number in range(start, start + count):
        writer.append("stdout", [f"line {number} {'x' * 60}"])
    return writer


def size(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.iterdir())


def test_lines_come_back_as_written(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path, limit_bytes=LIMIT)
    writer.append("stdout", ["one", "", "  two  words "])
    writer.append("stderr", ["Grüße \t tab"])
    records = list(SegmentReader(tmp_path).after())
    assert [(r.number, r.stream, r.text) for r in records] == [
        (1, "stdout", "one"),
        (2, "stdout", ""),
        (3, "stdout", "  two  words "),
        (4, "stderr", "Grüße \t tab"),
    ]
    assert records[0].at.tzinfo is not None
    writer.close()


def test_a_log_that_is_not_there_is_empty(tmp_path: Path) -> None:
    reader = SegmentReader(tmp_path / "none")
    assert (list(reader.after()), reader.tail(5), reader.closed) == ([], [], False)
    assert b"".join(reader.download()) == b""


def test_the_middle_is_dropped_and_the_gap_says_how_much(tmp_path: Path) -> None:
    write(tmp_path, 20_000).close()
    assert size(tmp_path) <= LIMIT
    records = list(SegmentReader(tmp_path).after())
    assert records[0].text.startswith("line 1 ")
    assert records[-1].text.startswith("line 20000 ")
    gaps = [record for record in records if record.stream == "system"]
    assert len(gaps) == 1
    kept = len(records) - 1
    assert f"{20_000 - kept:,} lines (" in gaps[0].text
    assert f" ({SegmentReader(tmp_path).dropped_bytes:,} bytes) were dropped" in gaps[0].text
    numbers = [record.number for record in records]
    assert numbers == sorted(set(numbers))
    head = next(index for index, record in enumerate(records) if record.stream == "system")
    assert head > kept / 4
    assert kept - head > kept / 4


@pytest.mark.parametrize("lines", [0, 1, 7, 1000, 100_000])
def test_tail(tmp_path: Path, lines: int) -> None:
    write(tmp_path, 3000, limit=8 * LIMIT).close()
    found = SegmentReader(tmp_path).tail(lines)
    assert [record.number for record in found] == list(range(3000 - min(lines, 3000) + 1, 3001))


def test_after_a_number_reads_only_from_there(tmp_path: Path) -> None:
    write(tmp_path, 3000, limit=8 * LIMIT).close()
    assert len(list_segments(tmp_path)) > 1
    assert [r.number for r in SegmentReader(tmp_path).after(2990)] == list(range(2991, 3001))
    assert list(SegmentReader(tmp_path).after(3000)) == []


def test_after_a_number_inside_the_gap(tmp_path: Path) -> None:
    write(tmp_path, 20_000).close()
    gap = next(r for r in SegmentReader(tmp_path).after() if r.stream == "system")
    found = list(SegmentReader(tmp_path).after(gap.number - 5))
    assert found[0].stream == "system"
    assert found[1].number == gap.number + 1


@pytest.mark.parametrize("torn", [b"4 17", b"4 1700000000000000 stdout half", b"\xff\xfe"])
def test_a_torn_last_line_is_repaired(tmp_path: Path, torn: bytes) -> None:
    write(tmp_path, 3)
    with list_segments(tmp_path)[-1].path.open("ab") as file:
        file.write(torn)
    assert [record.number for record in SegmentReader(tmp_path).after()] == [1, 2, 3]
    again = SegmentWriter(tmp_path, limit_bytes=LIMIT)
    again.append("stdout", ["after the crash"])
    again.close()
    records = list(SegmentReader(tmp_path).after())
    assert [record.number for record in records] == [1, 2, 3, 4]
    assert records[-1].text == "after the crash"


def test_opening_again_keeps_the_bound_and_the_numbers(tmp_path: Path) -> None:
    write(tmp_path, 8000)
    write(tmp_path, 8000, start=8001)
    write(tmp_path, 8000, start=16_001).close()
    assert size(tmp_path) <= LIMIT
    records = [r for r in SegmentReader(tmp_path).after() if r.stream != "system"]
    assert all(record.text.startswith(f"line {record.number} ") for record in records)
    assert records[-1].number == 24_000


def test_long_lines_are_split_between_characters(tmp_path: Path) -> None:
    text = "ü" * 20_000
    writer = SegmentWriter(tmp_path, limit_bytes=LIMIT)
    writer.append("stdout", [text])
    writer.close()
    pieces = [record.text for record in SegmentReader(tmp_path).after()]
    assert "".join(pieces) == text
    assert all(len(piece.encode()) <= MAX_LINE_BYTES for piece in pieces)


@given(st.text(max_size=200).map(lambda text: text * 300))
def test_splitting_loses_nothing(text: str) -> None:
    text = text.encode("utf-8", "replace").decode()
    pieces = split_line(text)
    assert "".join(pieces) == text
    assert all(len(piece.encode()) <= MAX_LINE_BYTES for piece in pieces)


@given(
    data=st.binary(max_size=400),
    cuts=st.lists(st.integers(0, 400), max_size=6).map(sorted),
)
def test_lines_do_not_depend_on_the_chunks(data: bytes, cuts: list[int]) -> None:
    places = [min(cut, len(data)) for cut in cuts]
    assembler = LineAssembler()
    lines: list[str] = []
    for start, end in zip([0, *places], [*places, len(data)], strict=True):
        lines += assembler.feed(data[start:end])
    lines += assembler.finish()
    whole = LineAssembler()
    assert lines == whole.feed(data) + whole.finish()


def test_a_line_without_an_end_is_given_up() -> None:
    assembler = LineAssembler()
    lines = assembler.feed(b"y" * (3 * MAX_LINE_BYTES + 5))
    assert [len(line) for line in lines] == [MAX_LINE_BYTES] * 3
    assert assembler.finish() == ["yyyyy"]


def test_search_by_text_and_by_expression(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path, limit_bytes=LIMIT)
    writer.append("stdout", ["error: a.b", "fine", "Error 42: axb"])
    writer.close()
    reader = SegmentReader(tmp_path)
    assert [r.number for r in reader.search("a.b")] == [1]
    assert [r.number for r in reader.search(r"(?i)error.*a.b", regex=True)] == [1, 3]
    with pytest.raises(ValueError, match="not a valid regular expression"):
        reader.search("(", regex=True)


@pytest.mark.parametrize(
    "text", ["line 7", "x", "stdout", "17", "dropped", "nowhere", "Grüße", " ", "\n", "x\nline", ""]
)
def test_search_finds_what_reading_all_would(tmp_path: Path, text: str) -> None:
    writer = write(tmp_path, 8_000)
    writer.append("stderr", ["Grüße an stdout"])
    writer.close()
    reader = SegmentReader(tmp_path)
    for after in (0, 1, 4_000, 7_999):
        whole = [record for record in reader.after(after) if text in record.text]
        assert list(reader.search(text, after=after)) == whole


def test_a_hostile_expression_takes_linear_time(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path, limit_bytes=LIMIT)
    writer.append("stdout", ["a" * 10_000 + "!"])
    writer.close()
    assert list(SegmentReader(tmp_path).search("(a+)+$", regex=True)) == []


def test_download_is_all_of_it_as_text(tmp_path: Path) -> None:
    write(tmp_path, 2500, limit=8 * LIMIT).close()
    lines = b"".join(SegmentReader(tmp_path).download()).decode().splitlines()
    assert len(lines) == 2500
    assert lines[0].split(" ", 2)[1:] == ["stdout", f"line 1 {'x' * 60}"]
    assert lines[0].split("T")[0].count("-") == 2


async def all_of(following: AsyncIterator[list[Record]]) -> list[Record]:
    """Return the records of all batches, none of which is empty."""
    batches = [batch async for batch in following]
    assert all(batches)
    return [record for batch in batches for record in batch]


async def test_follow_sees_what_is_written_and_ends_with_the_log(tmp_path: Path) -> None:
    async def produce() -> None:
        writer = SegmentWriter(tmp_path / "log", limit_bytes=8 * LIMIT)
        for number in range(500):
            writer.append("stdout", [f"{number} {'z' * 200}"])
            if number % 50 == 0:
                await asyncio.sleep(0.002)
        writer.close()

    producing = asyncio.create_task(produce())
    async with asyncio.timeout(10):
        found = await all_of(SegmentReader(tmp_path / "log").follow())
    await producing
    assert [record.number for record in found] == list(range(1, 501))


async def test_follow_ends_when_the_writer_is_known_to_be_dead(tmp_path: Path) -> None:
    write(tmp_path, 3)
    async with asyncio.timeout(10):
        found = await all_of(SegmentReader(tmp_path).follow(1, is_over=lambda: True))
    assert [record.number for record in found] == [2, 3]


async def test_follow_goes_on_over_dropped_segments(tmp_path: Path) -> None:
    writer = write(tmp_path, 10)
    following = SegmentReader(tmp_path).follow()
    first = await anext(following)
    assert [record.number for record in first] == list(range(1, 11))
    for number in range(11, 20_001):
        writer.append("stdout", [f"line {number} {'x' * 60}"])
    writer.close()
    async with asyncio.timeout(20):
        rest = await all_of(following)
    assert rest[-1].number == 20_000
    assert sum(record.stream == "system" for record in rest) == 1


def test_another_process_reads_what_was_appended(tmp_path: Path) -> None:
    write(tmp_path, 5)  # not closed: what was appended has left this process
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, str(len(list(SegmentReader(tmp_path).after()))).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reader, 10) == b"5"
    os.close(reader)
    os.close(writer)
