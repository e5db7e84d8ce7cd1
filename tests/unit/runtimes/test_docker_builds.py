"""What a Dockerfile is built on, and records as a BuildKit 0.8 sent them."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commandcenter.runtimes.docker.build_trace import Step, Trace, read_trace
from commandcenter.runtimes.docker.dockerfile import read_dockerfile

_DOCKERFILE = """\
# check=skip=all
#syntax = docker/dockerfile:1.4
ARG VERSION=3.12
ARG WHERE
FROM --platform=linux/amd64 python:${VERSION}-slim AS Base
RUN echo FROM nothing \\
    # a remark
    && FROM neither
from base as other
ARG VERSION=9
FROM ${WHERE:-there}/node:$VERSION
COPY --from=base /x /x
COPY --chown=1:1 --from=tools:1 /y /y
RUN --mount=type=bind,from=bound,target=/z true
COPY --from=0 /z /z
FROM scratch
FROM $UNKNOWN
"""
_VERTEX = (
    "CpEBCkdzaGEyNTY6NGM2MzkzYWE3ZDYzMzUwYmIzNzYxMTU2N2QzMGFlMzI0OTQ0MDRjMGIyN2NmNzlhNTFlNTExMTJj"
    "ZTI1MmVjYRo4cmVzb2x2ZSBpbWFnZSBjb25maWcgZm9yIGRvY2tlci5pby9kb2NrZXIvZG9ja2VyZmlsZToxLjQqDAie"
    "+7bYBhDqg76LAw=="
)
_STEP = "sha256:4c6393aa7d63350bb37611567d30ae32494404c0b27cf79a51e51112ce252eca"


def test_all_that_a_dockerfile_is_built_on_is_found() -> None:
    found = read_dockerfile(_DOCKERFILE, {"VERSION": "3.13"})
    assert found.images == ("python:3.13-slim", "there/node:3.13", "tools:1", "bound")
    assert found.syntax == "docker/dockerfile:1.4"
    assert found.without_syntax == _DOCKERFILE.replace("#syntax = docker/dockerfile:1.4\n", "")


def test_a_syntax_that_does_not_come_first_is_a_remark() -> None:
    text = "FROM a\n# syntax=b\n"
    found = read_dockerfile(text, {})
    assert (found.images, found.syntax, found.without_syntax) == (("a",), None, text)


def _field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2, len(content)]) + content


def _record(content: bytes) -> Trace:
    return read_trace(base64.b64encode(content).decode())


def test_a_step_is_told_while_it_runs() -> None:
    name = "resolve image config for docker.io/docker/dockerfile:1.4"
    assert read_trace(_VERTEX) == Trace((Step(_STEP, name, is_running=True, has_failed=False),))
    vertex = base64.b64decode(_VERTEX)[3:]
    ended = vertex + _field(6, b"\x08\x01")
    content = b"\x0a" + bytes([len(ended) & 0x7F | 0x80, len(ended) >> 7]) + ended
    assert not _record(content).steps[0].is_running
    assert _record(_field(1, _field(1, b"id") + _field(7, b"it failed"))).steps[0].has_failed


def test_what_commands_print_is_told_in_order() -> None:
    """Beside a stream number and a time."""
    pieces = (b"one\nt", "w\u00f6\n".encode())
    logs = (_field(1, b"id") + _field(2, b"\x08\x01") + b"\x18\x01" + _field(4, p) for p in pieces)
    told = _record(b"".join(_field(3, log) for log in logs))
    assert told == Trace((), (("id", "one\nt"), ("id", "w\u00f6\n")))


@pytest.mark.parametrize("text", ["", "!", "Cm8K", "Cv//////////////////////AQ=="])
def test_what_cannot_be_read_tells_nothing(text: str) -> None:
    assert read_trace(text) == Trace()


@given(st.binary(max_size=300))
def test_no_bytes_make_it_fail_or_hang(content: bytes) -> None:
    _record(content)
