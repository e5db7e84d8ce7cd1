"""Records as a BuildKit 0.8 sent them, and what is no record."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commandcenter.runtimes.docker.build_trace import Trace, read_trace

_VERTEX = (
    "Cm8KR3NoYTI1NjphZjQ2MjdjOWEzNDFhYmU5MTFiZjRlNmE4NTJmMDlkZmM2MzM4ZmY1ZjMxNjM4ZjcyNTU5ZDQ5YzRl"
    "NDgyNGY1GiRbaW50ZXJuYWxdIGxvYWQgcmVtb3RlIGJ1aWxkIGNvbnRleHQ="
)


def _log(text: bytes) -> bytes:
    """A `VertexLog` with a stream number and a time beside its text."""
    time = b"\x08\x01"
    message = b"\x0a\x02id" + b"\x12" + bytes([len(time)]) + time + b"\x18\x01"
    message += b"\x22" + bytes([len(text)]) + text
    return b"\x1a" + bytes([len(message)]) + message


def test_a_step_is_told_by_its_name() -> None:
    assert read_trace(_VERTEX) == Trace(("[internal] load remote build context",))


def test_what_commands_print_is_told_in_order() -> None:
    record = base64.b64encode(_log(b"one\nt") + _log("wö\n".encode())).decode()
    assert read_trace(record) == Trace((), "one\ntwö\n")


@pytest.mark.parametrize("text", ["", "!", "Cm8K", "Cv//////////////////////AQ=="])
def test_what_cannot_be_read_tells_nothing(text: str) -> None:
    assert read_trace(text) == Trace()


@given(st.binary(max_size=300))
def test_no_bytes_make_it_fail_or_hang(content: bytes) -> None:
    read_trace(base64.b64encode(content).decode())
