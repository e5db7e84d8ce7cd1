"""Timestamps and durations: RFC 3339 texts and `1h30m`, in UTC unless a zone is named."""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from commandcenter.engine.cel.errors import CelError
from commandcenter.engine.cel.values import type_name

_TIMESTAMP = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)", re.ASCII
)
_DURATION = re.compile(
    r"[-+]?(?:0|(?:(?:\d{1,15}(?:\.\d{0,9})?|\.\d{1,9})(?:h|ms|m|s|us|µs|ns))+)", re.ASCII
)
_DURATION_PART = re.compile(r"(\d{1,15}(?:\.\d{0,9})?|\.\d{1,9})(h|ms|m|s|us|µs|ns)", re.ASCII)
_MICROSECONDS = {"h": 3.6e9, "m": 6e7, "s": 1e6, "ms": 1e3, "us": 1.0, "µs": 1.0, "ns": 1e-3}
_OFFSET = re.compile(r"([+-]?)(\d\d):(\d\d)", re.ASCII)
_SHOWN = 60
_MOST_MICROSECONDS = 2**63 // 1000  # about 292 years
TIME_PARTS = frozenset(
    {
        "getFullYear",
        "getMonth",
        "getDate",
        "getDayOfMonth",
        "getDayOfWeek",
        "getDayOfYear",
        "getHours",
        "getMinutes",
        "getSeconds",
        "getMilliseconds",
    }
)


def parse_timestamp(value: str | int) -> datetime:
    """Return the moment, from RFC 3339 text or seconds since 1970; CelError if it is neither."""
    try:
        if isinstance(value, int):
            return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=int(value))
        match = _TIMESTAMP.fullmatch(value)
        if match is None:
            raise CelError(f"{value[:_SHOWN]!r} is not a timestamp; write 2026-01-31T12:00:00Z")
        fraction = int((match[7] or "0").ljust(9, "0")) // 1000
        year, month, day, hour, minute, second = (int(match[group]) for group in range(1, 7))
        local = datetime(year, month, day, hour, minute, second, fraction, _offset(match[8]))
        return local.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        if isinstance(error, CelError):
            raise
        raise CelError(f"{str(value)[:_SHOWN]!r} is not a timestamp: {error}") from None


def parse_duration(value: str) -> timedelta:
    """Return the duration of a text like `1h30m`, `1.5s` or `-20ms`; CelError if it is none."""
    if len(value) > _SHOWN or not _DURATION.fullmatch(value):
        raise CelError(f"{value[:_SHOWN]!r} is not a duration; write 90s, 1h30m or 250ms")
    total = sum(
        float(number) * _MICROSECONDS[unit] for number, unit in _DURATION_PART.findall(value)
    )
    if total > _MOST_MICROSECONDS:
        raise CelError(f"{value!r} is too long a duration")
    return timedelta(microseconds=-total if value[0] == "-" else total)


def checked_duration(value: timedelta) -> timedelta:
    """Return the duration; CelError if 64 bits cannot count its nanoseconds."""
    if abs(value) > timedelta(microseconds=_MOST_MICROSECONDS):
        raise CelError("the duration is too long")
    return value


def timestamp_text(value: datetime) -> str:
    text = value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S").zfill(20 - 1)
    fraction = f".{value.microsecond:06d}".rstrip("0") if value.microsecond else ""
    return f"{text}{fraction}Z"


def duration_text(value: timedelta) -> str:
    whole, micro = divmod(abs(value) // timedelta(microseconds=1), 1_000_000)
    sign = "-" if value < timedelta(0) else ""
    fraction = f".{micro:06d}".rstrip("0") if micro else ""
    return f"{sign}{whole}{fraction}s"


def time_part(name: str, arguments: list[Any]) -> int:
    """Return a part of a timestamp, in UTC or the zone given, or a duration in whole units."""
    value = arguments[0]
    if isinstance(value, timedelta) and len(arguments) == 1:
        return _duration_part(name, value)
    if not isinstance(value, datetime):
        raise CelError(f"{name} is not defined for {type_name(value)}")
    if len(arguments) > 1:
        value = value.astimezone(_zone(arguments[1]))
    parts = {
        "getFullYear": value.year,
        "getMonth": value.month - 1,
        "getDate": value.day,
        "getDayOfMonth": value.day - 1,
        "getDayOfWeek": value.isoweekday() % 7,
        "getDayOfYear": value.timetuple().tm_yday - 1,
        "getHours": value.hour,
        "getMinutes": value.minute,
        "getSeconds": value.second,
        "getMilliseconds": value.microsecond // 1000,
    }
    return parts[name]


def _duration_part(name: str, value: timedelta) -> int:
    units = {"getHours": 3600, "getMinutes": 60, "getSeconds": 1}
    sign = -1 if value < timedelta(0) else 1
    if name == "getMilliseconds":
        return sign * (abs(value).microseconds // 1000)
    if name not in units:
        raise CelError(f"{name} is not defined for a duration")
    return sign * (abs(value) // timedelta(seconds=units[name]))


def _offset(text: str) -> tzinfo:
    match = _OFFSET.fullmatch(text)
    if match is None:
        return UTC
    minutes = int(match[2]) * 60 + int(match[3])
    return timezone(timedelta(minutes=-minutes if match[1] == "-" else minutes))


def _zone(name: Any) -> tzinfo:
    if not isinstance(name, str):
        raise CelError(f"a time zone is a string, not {type_name(name)}")
    try:
        return _offset(name) if _OFFSET.fullmatch(name) else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise CelError(f"{name[:_SHOWN]!r} is not a time zone") from None
