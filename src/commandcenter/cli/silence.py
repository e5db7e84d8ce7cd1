"""Telling people that the hub does not answer, while a command still waits for it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_TELL_SECONDS = 5.0


class Silence:
    """Tells it once, and again only after an answer came."""

    def __init__(self, url: str, tell: Callable[[str], None]) -> None:
        """`tell` is called from another thread."""
        self._url = url
        self._tell = tell
        self._is_told = False

    @contextmanager
    def told(self) -> Iterator[None]:
        """Have it told when what is done in here takes long; it ends without an error: answered."""
        timer = threading.Timer(_TELL_SECONDS, self._say)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
        self._is_told = False

    def _say(self) -> None:
        if self._is_told:
            return
        self._is_told = True
        self._tell(
            f"The hub at {self._url} has not answered for {_TELL_SECONDS:g} s; still waiting. "
            "Ctrl-C ends only this command."
        )
