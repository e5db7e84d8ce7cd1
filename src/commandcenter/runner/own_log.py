"""The runner's own log: its standard error, which leads to a file on the data directory's disk."""

import sys
from contextlib import suppress


def note(text: str) -> None:
    """Add a line. One that the disk has no room for is left out: nothing else may fail for it."""
    with suppress(OSError):
        sys.stderr.write(f"{text}\n")
