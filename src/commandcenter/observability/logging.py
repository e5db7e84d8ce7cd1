"""The process's log: one line per event on stderr, for people or as JSON, without secrets."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

from commandcenter.observability.redaction import Redactor

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
# At their own info level these tell of every connection and migration.
_QUIET = ("uvicorn", "uvicorn.error", "uvicorn.access", "alembic", "httpx", "httpcore", "asyncio")
_MAX_DEPTH = 6

Event = MutableMapping[str, Any]


def configure_logging(
    redactor: Redactor, *, level: str = "info", json: bool = False, stream: TextIO | None = None
) -> None:
    """Set up structlog and the standard library's logging; idempotent, the last call counts.

    Stack traces are written without local variables: those hold tokens and secrets.
    """
    target = stream if stream is not None else sys.stderr
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    redact = _redaction(redactor)
    last: list[Any]
    if json:
        last = [
            structlog.processors.format_exc_info,
            redact,
            structlog.processors.JSONRenderer(default=str),
        ]
    else:
        plain = structlog.dev.plain_traceback
        console = structlog.dev.ConsoleRenderer(
            colors=target.isatty(), exception_formatter=plain, sort_keys=False
        )
        last = [structlog.processors.format_exc_info, redact, console]

    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = _CurrentStderr() if stream is None else logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    for old in list(root.handlers):
        if isinstance(old.formatter, structlog.stdlib.ProcessorFormatter):
            root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(_LEVELS[level])
    for name in _QUIET:
        quiet = logging.getLogger(name)
        quiet.handlers.clear()
        quiet.propagate = True
        quiet.setLevel(max(_LEVELS[level], logging.WARNING) if level != "debug" else logging.INFO)
    logging.captureWarnings(capture=True)


class _CurrentStderr(logging.StreamHandler[TextIO]):
    """Writes to what `sys.stderr` is at that moment: it may be replaced while the hub runs."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stderr


def _redaction(redactor: Redactor) -> Any:
    def processor(_logger: object, _method: str, event: Event) -> Event:
        for key, value in event.items():
            event[key] = _redacted(redactor, value, 0)
        return event

    return processor


def _redacted(redactor: Redactor, value: Any, depth: int) -> Any:
    if isinstance(value, bool | int | float) or value is None:
        return value
    if isinstance(value, dict) and depth < _MAX_DEPTH:
        return {
            redactor.redact(str(key)): _redacted(redactor, item, depth + 1)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset) and depth < _MAX_DEPTH:
        return [_redacted(redactor, item, depth + 1) for item in value]
    return redactor.redact(value if isinstance(value, str) else str(value))
