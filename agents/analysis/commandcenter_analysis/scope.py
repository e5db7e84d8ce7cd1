"""Reading one file for analysis, and deciding what can be done with it."""

import codecs
from dataclasses import dataclass

from commandcenter_analysis.classify import (
    is_binary,
    is_generated,
    is_minified,
    language_of,
    should_be_text,
)
from commandcenter_analysis.limits import Limits
from commandcenter_analysis.reading import NotReadError, read_file
from commandcenter_analysis.skips import Skip, SkipReason

_HEAD = 8_192


@dataclass(frozen=True, slots=True)
class Content:
    """A file's bytes. `language` is empty when it is not to be parsed, `skip` then says why."""

    path: str
    data: bytes
    language: str
    generated: bool = False
    skip: Skip | None = None

    @property
    def text(self) -> str:
        return self.data.decode("utf-8", errors="replace")


def read_content(root: int, path: str, limits: Limits) -> Content | Skip:
    """Read a file below the open directory `root`; a `Skip` when it is not to be looked at."""
    try:
        data = read_file(root, path, most=limits.file_bytes)
    except NotReadError as error:
        return Skip(path, error.reason, error.detail)
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        data = data.decode("utf-16", errors="replace").encode()
    language = language_of(path)
    if is_binary(data[:_HEAD]):
        if should_be_text(path):
            # Something odd, and no reason to pass it over quietly.
            return Skip(path, SkipReason.UNREADABLE, "not text")
        return Skip(path, SkipReason.BINARY)
    skip = _not_parsed(path, data, language, limits)
    return Content(
        path, data, "" if skip else language, generated=is_generated(path, data[:_HEAD]), skip=skip
    )


def _not_parsed(path: str, data: bytes, language: str, limits: Limits) -> Skip | None:
    if not language:
        return None
    if is_minified(path, data):
        return Skip(path, SkipReason.MINIFIED)
    if len(data) > limits.code_bytes:
        return Skip(path, SkipReason.TOO_LARGE, f"{len(data)} bytes: searched for secrets only")
    if max(map(len, data.split(b"\n"))) > limits.code_line_chars:
        return Skip(path, SkipReason.LINE_TOO_LONG, "searched for secrets only")
    return None
