"""Times as people read them."""

from datetime import UTC, datetime
from typing import Any

_MINUTE = 60
_HOUR = 3600
_DAY = 86400
_LONG_SECONDS = 10


def parse_time(value: Any) -> datetime | None:
    """Read a time of the API; None stays None."""
    return datetime.fromisoformat(value) if value else None


def duration(seconds: float) -> str:
    """Return `0.4s`, `12s`, `3m 05s`, `2h 07m` or `4d 3h`."""
    seconds = max(0.0, seconds)
    if seconds < _LONG_SECONDS:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole}s"
    if whole < _HOUR:
        return f"{whole // _MINUTE}m {whole % _MINUTE:02}s"
    if whole < _DAY:
        return f"{whole // _HOUR}h {whole % _HOUR // _MINUTE:02}m"
    return f"{whole // _DAY}d {whole % _DAY // _HOUR}h"


def between(start: Any, end: Any) -> str:
    """Return how long something took, or has taken so far; empty when it has not begun."""
    began = parse_time(start)
    if began is None:
        return ""
    until = parse_time(end) or datetime.now(UTC)
    return duration((until - began).total_seconds())


def ago(value: Any) -> str:
    """Return `12s ago`, or an empty text for no time."""
    at = parse_time(value)
    if at is None:
        return ""
    return f"{duration(round((datetime.now(UTC) - at).total_seconds()))} ago"


def left(value: Any) -> str:
    """Return how much time is left until then."""
    at = parse_time(value)
    if at is None:
        return ""
    seconds = (at - datetime.now(UTC)).total_seconds()
    return duration(seconds) if seconds > 0 else "none"


def clock(value: Any) -> str:
    """Return the local time of day."""
    at = parse_time(value)
    return at.astimezone().strftime("%H:%M:%S") if at else ""


def local(value: Any) -> str:
    """Return the local date and time."""
    at = parse_time(value)
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S") if at else ""


def size(count: int) -> str:
    """Return a number of bytes in binary units."""
    if count < 1024:  # noqa: PLR2004  # the unit itself
        return f"{count} B"
    value = float(count)
    for unit in ("KiB", "MiB", "GiB"):
        value /= 1024
        if value < 1024 or unit == "GiB":  # noqa: PLR2004
            return f"{value:.1f} {unit}"
    raise AssertionError("unreachable")
