"""Writing to the terminal: tables, colours, and text from elsewhere made harmless."""

import json
import re
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import IO, Any, cast

from rich.console import Console
from rich.table import Table
from rich.text import Text

_PIPE_WIDTH = 4096
_TRAILING_SPACES = re.compile(r" +\n")
# Cc: control, Cf: format (bidirectional overrides, zero-width), Cs: surrogates, Co: private use.
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})

STATE_STYLES: Mapping[str, str] = {
    "succeeded": "green",
    "approved": "green",
    "failed": "bold red",
    "rejected": "red",
    "expired": "red",
    "running": "cyan",
    "waiting": "yellow",
    "pending": "yellow",
    "cancelled": "magenta",
    "superseded": "dim",
    "skipped": "dim",
    "queued": "dim",
    "critical": "bold red",
    "warning": "yellow",
    "info": "dim",
    "retired": "dim",
    "ok": "green",
    "healthy": "green",
    "completed": "green",
    "unhealthy": "bold red",
    "error": "bold red",
    "starting": "cyan",
    "stopping": "cyan",
    "restarting": "yellow",
    "stopped": "dim",
}
_GLYPHS: Mapping[str, tuple[str, str]] = {
    "succeeded": ("✔", "+"),
    "failed": ("✘", "x"),
    "running": ("▶", ">"),
    "waiting": ("◆", "?"),
    "pending": ("·", "."),
    "queued": ("…", "."),
    "skipped": ("↷", "-"),
    "cancelled": ("⊘", "!"),
    "healthy": ("✔", "+"),
    "completed": ("✔", "+"),
    "unhealthy": ("✘", "x"),
    "starting": ("▶", ">"),
    "restarting": ("↻", "~"),
    "stopping": ("▼", "v"),
    "stopped": ("·", "."),
}


def console(stream: IO[str] | None = None) -> Console:
    """Return a console; into a pipe or a file it never wraps and has no colours."""
    target = stream if stream is not None else sys.stdout
    is_terminal = target.isatty()
    return _Console(
        file=target if is_terminal else cast("IO[str]", _Trimmed(target)),
        width=None if is_terminal else _PIPE_WIDTH,
        highlight=False,
        markup=False,
        emoji=False,
    )


class _Console(Console):
    """Leaves breaking lines of text to the terminal: a command can then be copied whole."""

    def print(self, *objects: Any, **options: Any) -> None:
        if all(isinstance(item, Text | str) for item in objects):
            options.setdefault("soft_wrap", True)
        super().print(*objects, **options)


class _Trimmed:
    """A stream whose lines end without the spaces that tables pad their cells with."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self.encoding = getattr(stream, "encoding", None) or "utf-8"

    def write(self, text: str) -> int:
        return self._stream.write(_TRAILING_SPACES.sub("\n", text))

    def flush(self) -> None:
        self._stream.flush()

    def isatty(self) -> bool:
        return False

    def fileno(self) -> int:
        return self._stream.fileno()


def clean(text: object, *, keep: str = "\n\t") -> str:
    """Return text from elsewhere with control and invisible characters made visible.

    A log line or a diff must not move the cursor, set the title or hide what it says.
    """
    value = str(text)
    if value.isascii() and value.isprintable():
        return value
    return "".join(
        character
        if character in keep or unicodedata.category(character) not in _UNSAFE
        else _visible(character)
        for character in value
    )


def one_line(text: object, limit: int | None = None) -> str:
    """Return `clean` text on one line, cut to `limit` characters."""
    line = " ".join(clean(text).split())
    return line if limit is None or len(line) <= limit else f"{line[: limit - 1]}…"


def _visible(character: str) -> str:
    code = ord(character)
    if code < 0x100:  # noqa: PLR2004  # two digits are enough
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"  # noqa: PLR2004


def state_text(state: str) -> Text:
    return Text(clean(state), STATE_STYLES.get(state, ""))


def glyph(state: str, *, unicode: bool) -> str:
    fancy, plain = _GLYPHS.get(state, ("·", "."))
    return fancy if unicode else plain


def speaks_unicode(target: Console) -> bool:
    return target.encoding.lower().replace("-", "").startswith("utf")


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """Return a table without lines. Cells that are no `Text` are cleaned."""
    made = Table(box=None, pad_edge=False, show_edge=False, header_style="bold")
    for heading in headings:
        made.add_column(heading, overflow="fold")
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else _cell(cell) for cell in row))
    return made


def _cell(value: object) -> Text:
    text = str(value)
    indent = text[: len(text) - len(text.lstrip(" "))]
    return Text(f"{indent}{one_line(text)}")


def facts(pairs: Iterable[tuple[str, object]]) -> Table:
    """Return names and values in two columns, without the pairs that have no value."""
    made = Table(box=None, pad_edge=False, show_edge=False, show_header=False)
    made.add_column(style="bold", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in pairs:
        if value is None or value == "":
            continue
        made.add_row(name, value if isinstance(value, Text) else Text(clean(value)))
    return made


def print_json(document: Any, stream: IO[str] | None = None, *, indent: int | None = 2) -> None:
    """Write one JSON document and a newline."""
    target = stream if stream is not None else sys.stdout
    text = json.dumps(document, indent=indent, ensure_ascii=True, default=str)
    target.write(f"{text}\n")
    target.flush()
