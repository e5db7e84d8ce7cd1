"""Telling a person who waits that the hub is slow to answer."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

NOTICE_SECONDS = 5.0


class SilenceNotice:
    """Says once, from a thread of its own, that an answer has been long in coming."""

    def __init__(self, url: str, say: Callable[[str], None]) -> None:
        self._url = url
        self._say = say
        self._said = False

    @contextmanager
    def awaited(self) -> Iterator[None]:
        """Watch over a request from its sending to the start of its answer."""
        timer = threading.Timer(NOTICE_SECONDS, self._tell)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _tell(self) -> None:
        if not self._said:
            self._said = True
            self._say(
                f"The hub at {self._url} has not answered for {NOTICE_SECONDS:g} s; still waiting. "
                "Ctrl-C ends only this command."
            )
