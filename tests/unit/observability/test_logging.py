import io
import json
import logging
import warnings
from collections.abc import Iterator

import pytest
import structlog

from commandcenter.observability.logging import configure_logging
from commandcenter.observability.redaction import MASK, Redactor

_TOKEN = "cc_abcdefgh_0123456789abcdefghijklmnopqrstuvwxyz"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def _lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def _fail(value: str) -> None:
    local = "-".join(["another", "local"])
    raise RuntimeError(f"bad {value}" if local else "")


def test_secrets_are_masked_wherever_they_are(stream: io.StringIO) -> None:
    redactor = Redactor()
    redactor.register(["hunter2-hunter2"])
    configure_logging(redactor, json=True, stream=stream)
    log = structlog.get_logger("test")
    log.info("with hunter2-hunter2", nested={"a": ["x hunter2-hunter2"]}, token=_TOKEN, n=1)
    try:
        _fail("hunter2-hunter2")
    except RuntimeError:
        log.exception("failed")
    logging.getLogger("library").warning("from %s", "hunter2-hunter2")

    text = stream.getvalue()
    assert "hunter2-hunter2" not in text
    assert _TOKEN not in text
    assert text.count(MASK) >= 4
    first = _lines(stream)[0]
    assert first["n"] == 1
    assert first["level"] == "info"
    assert str(first["timestamp"]).endswith("Z")


def test_traces_hold_no_local_variables(stream: io.StringIO) -> None:
    configure_logging(Redactor(), stream=stream)
    try:
        _fail("a-local-value"[:7])
    except RuntimeError:
        structlog.get_logger("test").exception("failed")

    assert "RuntimeError: bad a-local" in stream.getvalue()
    assert "another-local" not in stream.getvalue()


def test_configured_twice_writes_once(stream: io.StringIO) -> None:
    for _ in range(2):
        configure_logging(Redactor(), json=True, stream=stream)
    structlog.get_logger("test").info("once")

    assert len(_lines(stream)) == 1


def test_warnings_are_logged_and_connections_are_not(stream: io.StringIO) -> None:
    configure_logging(Redactor(), json=True, stream=stream)
    logging.getLogger("uvicorn.error").info("connection open")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("odd", UserWarning, stacklevel=1)

    assert [line["logger"] for line in _lines(stream) if "logger" in line] in ([], ["py.warnings"])
    assert "odd" in stream.getvalue()
    assert "connection open" not in stream.getvalue()


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (f"Authorization: Bearer {_TOKEN}", "Authorization: Bearer "),
        ("postgresql://user:pa55word@host/db", "@host/db"),
        ("key ghp_" + "a" * 36, "key "),
        ("id AKIA" + "A" * 16 + " end", " end"),
    ],
)
def test_what_looks_like_a_credential_is_masked(text: str, kept: str) -> None:
    redacted = Redactor().redact(text)

    assert MASK in redacted
    assert kept in redacted


@pytest.mark.parametrize(
    "text", ["run_2tsm512k1fkcyq", "http://127.0.0.1:3333/login", "commit a1b2c3d4", "12:30:00"]
)
def test_ordinary_words_are_left_alone(text: str) -> None:
    assert Redactor().redact(text) == text


def test_lines_of_a_longer_secret_are_masked_one_by_one() -> None:
    redactor = Redactor()
    redactor.register(["-----BEGIN KEY-----\nabcdefghijk\nlmnopqrstuv\n"])

    assert redactor.redact("line abcdefghijk here") == f"line {MASK} here"


def test_longer_values_win_and_forgotten_ones_show() -> None:
    redactor = Redactor()
    redactor.register(["secret", "secret-and-more"])

    assert redactor.redact("secret-and-more") == MASK
    redactor.forget(["secret", "secret-and-more"])
    assert redactor.redact("secret-and-more") == "secret-and-more"
