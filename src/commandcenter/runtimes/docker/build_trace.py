"""What BuildKit tells of a build while it goes on: records in a stream of protocol buffers.

Only what people are told is read: which steps run, what their commands print, and which one failed.
The numbers are those of BuildKit's `StatusResponse` (`control.proto`); others are passed over.
"""

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass

_VERTEXES, _LOGS = 1, 3
_VERTEX_ID, _VERTEX_NAME, _VERTEX_STARTED, _VERTEX_ENDED, _VERTEX_ERROR = 1, 3, 5, 6, 7
_LOG_VERTEX, _LOG_TEXT = 1, 4
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED = {_FIXED64: 8, _FIXED32: 4}
_LONGEST_VARINT = 10


@dataclass(frozen=True, slots=True)
class Step:
    identifier: str
    name: str  # as "[2/4] RUN make"
    is_running: bool
    has_failed: bool


@dataclass(frozen=True, slots=True)
class Trace:
    steps: tuple[Step, ...] = ()
    output: tuple[tuple[str, str], ...] = ()  # step, and a piece that need not end with a line


def read_trace(encoded: str) -> Trace:
    """Return what one `moby.buildkit.trace` record tells; an unreadable one tells nothing."""
    try:
        fields = list(_fields(base64.b64decode(encoded)))
        steps = tuple(_step(dict(_fields(part))) for number, part in fields if number == _VERTEXES)
        logs = [dict(_fields(part)) for number, part in fields if number == _LOGS]
    except (ValueError, IndexError, binascii.Error):
        return Trace()
    return Trace(steps, tuple((_text(log, _LOG_VERTEX), _text(log, _LOG_TEXT)) for log in logs))


def _step(fields: dict[int, bytes]) -> Step:
    return Step(
        _text(fields, _VERTEX_ID),
        _text(fields, _VERTEX_NAME),
        _VERTEX_STARTED in fields and _VERTEX_ENDED not in fields,
        _VERTEX_ERROR in fields,
    )


def _text(fields: dict[int, bytes], wanted: int) -> str:
    return fields.get(wanted, b"").decode("utf-8", "replace")


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
