"""The framing on the runner's socket: two lengths, a JSON header, raw bytes.

The first frame from the runner is its greeting `{"version", "instance", "pid"}`. Then each request
`{"id", "op", ...}` is answered by `{"id", "ok": true, ...}` or `{"id", "error": {...}}`, in any
order.
"""

import asyncio
import json
import struct
from typing import Any

PROTOCOL_VERSION = 2
MAX_HEADER_BYTES = 4 * 1024**2
MAX_PAYLOAD_BYTES = 32 * 1024**2
_LENGTHS = struct.Struct("!II")


class FrameError(Exception):
    """The peer does not speak this protocol."""


def encode(header: dict[str, Any], payload: bytes = b"") -> bytes:
    text = json.dumps(header, separators=(",", ":")).encode()
    return _LENGTHS.pack(len(text), len(payload)) + text + payload


async def read(reader: asyncio.StreamReader) -> tuple[dict[str, Any], bytes]:
    """The next frame; raises IncompleteReadError at the end, FrameError for nonsense."""
    header_length, payload_length = _LENGTHS.unpack(await reader.readexactly(_LENGTHS.size))
    if header_length > MAX_HEADER_BYTES or payload_length > MAX_PAYLOAD_BYTES:
        raise FrameError("a frame is too large")
    try:
        header = json.loads(await reader.readexactly(header_length))
    except ValueError as error:
        raise FrameError("a header is not JSON") from error
    if not isinstance(header, dict):
        raise FrameError("a header is not an object")
    return header, await reader.readexactly(payload_length) if payload_length else b""
