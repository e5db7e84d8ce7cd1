"""What BuildKit tells of a build while it goes on: records in a stream of protocol buffers.

Only what people are told is read: the names of steps and what their commands print. The numbers
are those of BuildKit's `StatusResponse` (`control.proto`); unknown fields are passed over.
"""

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass

_VERTEXES, _LOGS = 1, 3
_VERTEX_NAME = 3
_LOG_TEXT = 4
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED = {_FIXED64: 8, _FIXED32: 4}
_LONGEST_VARINT = 10


@dataclass(frozen=True, slots=True)
class Trace:
    steps: tuple[str, ...] = ()  # names, as "[2/4] RUN make"
    output: str = ""  # of the steps' commands, in pieces that need not end with a line


def read_trace(encoded: str) -> Trace:
    """Return what one `moby.buildkit.trace` record tells; an unreadable one tells nothing."""
    try:
        fields = list(_fields(base64.b64decode(encoded)))
        steps = [_text(part, _VERTEX_NAME) for number, part in fields if number == _VERTEXES]
        output = [_text(part, _LOG_TEXT) for number, part in fields if number == _LOGS]
    except (ValueError, IndexError, binascii.Error):
        return Trace()
    return Trace(tuple(name for name in dict.fromkeys(steps) if name), "".join(output))


def _text(message: bytes, wanted: int) -> str:
    found = [part for number, part in _fields(message) if number == wanted]
    return b"".join(found).decode("utf-8", "replace")


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the length-delimited fields as (number, content). ValueError if it is cut short."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            _, at = _varint(message, at)
            continue
        if kind == _BYTES:
            size, at = _varint(message, at)
        elif kind in _FIXED:
            size = _FIXED[kind]
        else:
            raise ValueError(kind)
        if at + size > len(message):
            raise ValueError(size)
        if kind == _BYTES:
            yield number, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = 0
    for index in range(_LONGEST_VARINT):
        byte = message[at + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:  # noqa: PLR2004 - the highest bit says that more follows
            return value, at + index + 1
    raise ValueError(at)
