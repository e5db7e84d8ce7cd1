"""From the program's pipes to the attempt's log: redacted, cut into lines, never in the way."""

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import suppress

from commandcenter.kit.redaction import Redactor
from commandcenter.kit.segments import LineAssembler, SegmentWriter

_CHUNK_BYTES = 64 * 1024
_SYSTEM = "system"


class LogCapture:
    """Reads stdout and stderr of one attempt into its log until both are closed.

    A program that writes more than the log keeps is slowed down through its pipe, so that it costs
    the runner at most a fifth of a core; it is never blocked for good.
    """

    def __init__(self, log: SegmentWriter, redactor: Redactor, *, limit_bytes: int) -> None:
        self._log = log
        self._redactor = redactor
        self._limit = limit_bytes
        self._taken = 0
        self._stopped = False
        self._open = 0
        self._lost = 0
        self._done = asyncio.Event()
        self._finishers: list[Callable[[], None]] = []

    def attach(self, stream: str, fd: int) -> None:
        """Take over a non-blocking descriptor; it is closed at its end."""
        loop = asyncio.get_running_loop()
        redactor = self._redactor.for_stream()
        lines = LineAssembler()
        self._open += 1
        ended = False

        def finish() -> None:
            nonlocal ended
            if ended:
                return
            ended = True
            loop.remove_reader(fd)
            os.close(fd)
            rest = lines.feed(redactor.finish())
            self._append(stream, rest + lines.finish())
            self._open -= 1
            if not self._open:
                self._done.set()

        def take() -> None:
            if ended:
                return
            started = time.perf_counter()
            try:
                chunk = os.read(fd, _CHUNK_BYTES)
            except BlockingIOError:
                return
            if not chunk:
                finish()
                return
            self._taken += len(chunk)
            self._append(stream, lines.feed(redactor.feed(chunk)))
            if self._taken > self._limit and not self._stopped:
                loop.remove_reader(fd)
                pause = 4 * (time.perf_counter() - started)
                loop.call_later(pause, resume)

        def resume() -> None:
            if not ended:
                loop.add_reader(fd, take)

        self._finishers.append(finish)
        loop.add_reader(fd, take)

    def say(self, text: str) -> None:
        """A line of the runtime's own."""
        self._append(_SYSTEM, [self._redactor.for_stream().redact_text(text)])

    async def drain(self, seconds: float) -> None:
        """Wait for the end of both streams; their writers are dead, so that it is near."""
        self._stopped = True
        if self._open:
            try:
                async with asyncio.timeout(seconds):
                    await self._done.wait()
            except TimeoutError:
                for finish in self._finishers:
                    finish()

    def close(self) -> None:
        if self._lost:
            self.say(
                f"{self._lost:,} lines could not be stored: the host's disk was full or broken"
            )
        with suppress(OSError):
            self._log.close()

    def _append(self, stream: str, lines: list[str]) -> None:
        """A full disk costs lines, never the attempt."""
        try:
            self._log.append(stream, lines)
        except OSError:
            self._lost += len(lines)
