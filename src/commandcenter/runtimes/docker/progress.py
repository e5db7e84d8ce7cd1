"""What an engine tells of a pull or a build while it goes on, and how it is passed on."""

import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp

_TELL_SECONDS = 0.5

Progress = Callable[[str], None]


class Teller:
    """Passes words on, not too often."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._told_at = 0.0

    def tell(self, text: str, *, at_once: bool = False) -> None:
        now = time.monotonic()
        if at_once or now - self._told_at >= _TELL_SECONDS:
            self._told_at = now
            self._progress(text)


async def messages(answer: aiohttp.ClientResponse) -> AsyncIterator[dict[str, Any]]:
    """One JSON document per line; a line that is none is left out."""
    rest = b""
    async for chunk in answer.content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if message := _document(line):
                yield message
    if message := _document(rest):
        yield message


def _document(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line) if line.strip() else None
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
