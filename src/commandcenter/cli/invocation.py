"""How this program was called, so that a suggested command works when it is pasted."""

import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

_NAME = "commandcenter"


def program() -> str:
    """Return what to type: `commandcenter` when PATH finds this very program, else its path."""
    given = sys.argv[0]
    name = Path(given).name
    if name == "__main__.py":
        return f"{shlex.quote(_short(sys.executable))} -m commandcenter.cli"
    if not name.startswith(_NAME):
        return _NAME
    found = shutil.which(_NAME)
    if found is not None and os.path.realpath(found) == os.path.realpath(given):
        return _NAME
    return shlex.quote(_short(given))


def command_line(*words: str, options: Sequence[str] = ()) -> str:
    """Return a command of this program with its words quoted for a shell."""
    return " ".join([program(), *(shlex.quote(word) for word in (*words, *options))])


def _short(path: str) -> str:
    here = os.getcwd()  # noqa: PTH109  # compared as text: no links resolved
    absolute = os.path.join(here, path)  # noqa: PTH118  # the same
    inside = os.path.relpath(absolute, here)
    return absolute if inside.startswith("..") else inside
