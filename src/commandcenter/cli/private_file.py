"""Files for their owner alone."""

import os
from pathlib import Path

from commandcenter.cli.problems import UsageProblemError


def write_private(path: Path, text: str) -> None:
    """Create a 0600 file; one that is there already is refused, not overwritten."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise UsageProblemError(
            f"{path} cannot be made: {error.strerror}.", hint="Name a file that does not exist yet."
        ) from error
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
