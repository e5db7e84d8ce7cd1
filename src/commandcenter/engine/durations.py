"""Durations as people write them: `500ms`, `1s`, `5m`, `24h`, `7d`, or a number of seconds."""

import math
import re

from commandcenter.engine.definition import MAX_DURATION_SECONDS

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_FORM = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)(ms|s|m|h|d)?")
DURATION_PATTERN = r"^[0-9]{1,12}(\.[0-9]{1,6})?(ms|s|m|h|d)?$"


def parse_duration(value: object) -> float:
    """Return the duration in seconds, more than 0 and at most a year; ValueError says why not."""
    if isinstance(value, str):
        match = _FORM.fullmatch(value)
        if match is None:
            raise ValueError("not a duration; write 500ms, 1s, 5m, 24h, 7d or a number of seconds")
        seconds = float(match[1]) * _UNITS[match[2] or "s"]
    elif isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value) if abs(value) <= MAX_DURATION_SECONDS else math.inf
    else:
        raise ValueError("not a duration; write 500ms, 1s, 5m, 24h, 7d or a number of seconds")  # noqa: TRY004 - one error type for the caller
    if not seconds > 0:
        raise ValueError("a duration must be more than 0")
    if seconds > MAX_DURATION_SECONDS:
        raise ValueError("a duration must be at most 366d")
    return seconds
