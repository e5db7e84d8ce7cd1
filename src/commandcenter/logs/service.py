"""Reading the logs of attempts: the last lines, a search, the whole, or as they come."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from commandcenter.kit.database import Database
from commandcenter.kit.segment_reader import SegmentReader
from commandcenter.kit.segments import Record
from commandcenter.logs import repository
from commandcenter.logs.errors import (
    LogGoneError,
    LogNotFoundError,
    LogPatternError,
    TooManyFollowersError,
)
from commandcenter.models import Attempt

MAX_LINES = 10_000
_MAX_ANSWER_BYTES = 32 * 1024**2
_BATCH_LINES = 500
_BATCH_BYTES = 256 * 1024
_LOOK_SECONDS = 2.0
_MAX_FOLLOWERS = 1000


@dataclass(frozen=True, slots=True)
class LogQuery:
    """`after`: the first `lines` above that number; otherwise the last `lines` of the log."""

    lines: int = 100
    after: int | None = None
    grep: str | None = None
    regex: bool = False
    stream: str | None = None


@dataclass(frozen=True, slots=True)
class AttemptLog:
    attempt_id: str
    finished: bool
    reader: SegmentReader

    @property
    def closed(self) -> bool:
        """Whether nothing will follow."""
        return self.finished or self.reader.closed


class LogService:
    def __init__(self, database: Database, directory: Path) -> None:
        self._database = database
        self._directory = directory
        self._followers = 0

    async def open(
        self, run_id: str, node: str, number: int | None = None, *, check: bool = False
    ) -> AttemptLog:
        """Return the log of a step's attempt, the latest unless its number is given.

        With `check` that of a check made beforehand; also where there was no attempt.

        Raises `LogNotFoundError` saying what there is none of, and `LogGoneError`.
        """
        async with self._database.read() as session:
            attempt = await repository.attempt(session, run_id, node, number, check=check)
            if attempt is None:
                if not await repository.run_exists(session, run_id):
                    raise LogNotFoundError(f"there is no run {run_id[:100]!r}")
                if not await repository.step_exists(session, run_id, node):
                    known = ", ".join(await repository.nodes(session, run_id))
                    raise LogNotFoundError(
                        f"run {run_id} has no step {node[:100]!r}", hint=f"Its steps: {known}"
                    )
                raise LogNotFoundError(_none_of(node, number, check=check))
        return await asyncio.to_thread(self._log, attempt)

    async def read(self, log: AttemptLog, query: LogQuery) -> list[Record]:
        """Return the lines asked for, at most 32 MiB of them. Raises `LogPatternError`."""
        return await asyncio.to_thread(_read, log.reader, query)

    async def follow(
        self, log: AttemptLog, after: int, *, is_over: Callable[[], bool] | None = None
    ) -> AsyncGenerator[list[Record], None]:
        """Yield lines above `after` in batches, now and as they come, until the attempt's end.

        Reads no further than the caller takes, so a slow client costs no memory. `is_over` says
        whether an attempt has ended that is none of a step's.
        """
        if is_over is not None:
            with self._follower():
                async with aclosing(_pieces(log.reader.follow(after, is_over=is_over))) as pieces:
                    async for piece in pieces:
                        yield piece
            return
        with self._follower():
            finished = asyncio.Event()
            watch = asyncio.create_task(self._watch(log, finished))
            try:
                lines = log.reader.follow(after, is_over=finished.is_set)
                async with aclosing(_pieces(lines)) as pieces:
                    async for piece in pieces:
                        yield piece
            finally:
                watch.cancel()
                with suppress(asyncio.CancelledError):
                    await watch

    @contextmanager
    def _follower(self) -> Iterator[None]:
        if self._followers >= _MAX_FOLLOWERS:
            raise TooManyFollowersError(
                f"{_MAX_FOLLOWERS} clients follow logs already",
                hint="Try again in a while, or read the log in pieces with ?after=.",
            )
        self._followers += 1
        try:
            yield
        finally:
            self._followers -= 1

    async def _watch(self, log: AttemptLog, finished: asyncio.Event) -> None:
        """Notice the end of an attempt whose writer died without closing the log."""
        while True:
            async with self._database.read() as session:
                if await repository.is_finished(session, log.attempt_id):
                    finished.set()
                    return
            await asyncio.sleep(_LOOK_SECONDS)

    def _log(self, attempt: Attempt) -> AttemptLog:
        directory = self._directory / attempt.run_id / attempt.id
        finished = attempt.finished_at is not None
        if finished and not directory.is_dir():
            raise LogGoneError(
                f"attempt {attempt.number} of step {attempt.node!r} left no log, or it was deleted "
                "by the retention policy"
            )
        return AttemptLog(attempt.id, finished, SegmentReader(directory))


def _none_of(node: str, number: int | None, *, check: bool) -> str:
    if number is not None:
        return f"step {node!r} has no {'check' if check else 'attempt'} {number}"
    return f"step {node!r} {'was not checked beforehand' if check else 'has not started yet'}"


def _read(reader: SegmentReader, query: LogQuery) -> list[Record]:
    found: Iterable[Record]
    if query.grep is not None:
        try:
            found = reader.search(query.grep, regex=query.regex, after=query.after or 0)
        except ValueError as error:
            raise LogPatternError(
                str(error),
                hint="Search for plain text instead: leave --regex away (in the API, regex=true).",
            ) from error
    elif query.after is None and query.stream is None:
        found = reader.tail(query.lines)
    else:
        found = reader.after(query.after or 0)
    if query.stream is not None:
        found = (record for record in found if record.stream == query.stream)
    return _first(found, query.lines) if query.after is not None else _last(found, query.lines)


def _first(records: Iterable[Record], count: int) -> list[Record]:
    kept: list[Record] = []
    size = 0
    for record in records:
        size += len(record.text)
        if kept and size > _MAX_ANSWER_BYTES:
            break
        kept.append(record)
        if len(kept) == count:
            break
    return kept


def _last(records: Iterable[Record], count: int) -> list[Record]:
    kept: deque[Record] = deque()
    size = 0
    for record in records:
        kept.append(record)
        size += len(record.text)
        while len(kept) > count or (size > _MAX_ANSWER_BYTES and len(kept) > 1):
            size -= len(kept.popleft().text)
    return list(kept)


async def _pieces(
    following: AsyncGenerator[list[Record], None],
) -> AsyncGenerator[list[Record], None]:
    """Cut what was read at once into messages of a convenient size."""
    async with aclosing(following) as batches:
        async for batch in batches:
            start = size = 0
            for end, record in enumerate(batch, 1):
                size += len(record.text)
                if end - start == _BATCH_LINES or size > _BATCH_BYTES or end == len(batch):
                    yield batch[start:end]
                    start, size = end, 0
