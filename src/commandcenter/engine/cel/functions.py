"""The standard functions. Regular expressions are RE2's: time linear in the text."""

import math
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import re2

from commandcenter.engine.cel.budget import Budget
from commandcenter.engine.cel.errors import CelError
from commandcenter.engine.cel.times import (
    TIME_PARTS,
    duration_text,
    parse_duration,
    parse_timestamp,
    time_part,
    timestamp_text,
)
from commandcenter.engine.cel.values import TypeValue, UInt, type_name
from commandcenter.engine.numbers import FLOAT, MAX_INTEGER, MIN_INTEGER

_MAX_UINT = 2**64 - 1
_MAX_PATTERN = 1_000
_PATTERN_STEPS = 200
_STATES_PER_STEP = 50  # states of a pattern times characters: RE2's worst case
_LONGEST_NUMBER = 400
_DOUBLE = re.compile(rf"{FLOAT.pattern}|[-+]?(?:Infinity|inf|NaN)")
_TRUE = ("1", "t", "true", "TRUE", "True")
_FALSE = ("0", "f", "false", "FALSE", "False")


def call(name: str, arguments: list[Any], budget: Budget, *, method: bool = False) -> Any:
    """Call a function, or a method with its receiver as the first argument; CelError if wrong."""
    if method and name in TIME_PARTS and len(arguments) in (1, 2):
        return time_part(name, arguments)
    if name in _ONE and len(arguments) == 1 and (not method or name == "size"):
        return _ONE[name](arguments[0], budget)
    if name in _TEXT and len(arguments) == 2 and (method or name == "matches"):  # noqa: PLR2004 - the text and the other
        text, other = arguments
        if not isinstance(text, str) or not isinstance(other, str):
            raise CelError(
                f"{name} is not defined between {type_name(text)} and {type_name(other)}"
            )
        budget.spend_characters(len(text) + len(other))
        return _TEXT[name](text, other, budget)
    count = len(arguments) - (1 if method else 0)
    kind = "method" if method else "function"
    known = (name in _TEXT or name in TIME_PARTS) if method else name in _ONE
    raise CelError(
        f"{name} does not take {count} arguments" if known else f"there is no {kind} {name}"
    )


def _matches(text: str, pattern: str, budget: Budget) -> bool:
    compiled = _pattern(pattern)
    states = compiled.programsize
    budget.spend(_PATTERN_STEPS + states + states * len(text) // _STATES_PER_STEP)
    return compiled.search(text) is not None


@lru_cache(maxsize=64)
def _pattern(pattern: str) -> Any:
    if len(pattern) > _MAX_PATTERN:
        raise CelError(f"a pattern may have {_MAX_PATTERN:,} characters")
    options = re2.Options()
    options.max_mem = 1 << 20
    options.log_errors = False
    try:
        return re2.compile(pattern, options=options)
    except re2.error as error:
        reason = error.args[0].decode() if isinstance(error.args[0], bytes) else str(error)
        raise CelError(f"{pattern[:60]!r} is not a regular expression: {reason}") from None


def _size(value: Any, budget: Budget) -> int:
    del budget
    if isinstance(value, str | bytes | list | tuple | dict):
        return len(value)
    raise CelError(f"size is not defined for {type_name(value)}")


def _int(value: Any, _budget: Budget) -> int:
    result: int | None = None
    if isinstance(value, bool):
        result = None
    elif isinstance(value, int) or (isinstance(value, float) and abs(value) < MAX_INTEGER):
        result = int(value)
    elif isinstance(value, datetime):
        result = math.floor(value.timestamp())
    elif isinstance(value, str):
        result = _integer_of(value)
    if result is None or not MIN_INTEGER <= result <= MAX_INTEGER:
        raise _not("an int", value)
    return result


def _uint(value: Any, _budget: Budget) -> UInt:
    result: int | None = None
    if isinstance(value, bool):
        result = None
    elif isinstance(value, int):
        result = int(value)
    elif isinstance(value, float) and math.isfinite(value):
        result = int(value) if value >= 0 else -1
    elif isinstance(value, str):
        result = _integer_of(value)
    if result is None or not 0 <= result <= _MAX_UINT:
        raise _not("a uint", value)
    return UInt(result)


def _integer_of(text: str) -> int | None:
    digits = text[1:] if text[:1] in ("-", "+") else text
    short = digits.isascii() and digits.isdigit() and len(digits) <= 25  # noqa: PLR2004 - int() of long texts is slow
    return int(text) if short else None


def _double(value: Any, _budget: Budget) -> float:
    if isinstance(value, float):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str) and len(value) <= _LONGEST_NUMBER and _DOUBLE.fullmatch(value):
        return float(value)
    raise _not("a double", value)


def _bool(value: Any, _budget: Budget) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value in _TRUE + _FALSE:
        return value in _TRUE
    raise _not("a bool", value)


def _string(value: Any, budget: Budget) -> str:  # noqa: PLR0911 - one per type
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)  # noqa: PLR2004 - beyond it digits would be made up
    if isinstance(value, bytes):
        budget.spend_characters(len(value))
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise CelError("the bytes are not UTF-8 text") from None
    if isinstance(value, datetime):
        return timestamp_text(value)
    if isinstance(value, timedelta):
        return duration_text(value)
    raise _not("a string", value)


def _bytes(value: Any, budget: Budget) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        budget.spend_characters(len(value))
        return value.encode(errors="replace")
    raise _not("bytes", value)


def _timestamp(value: Any, _budget: Budget) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, str | int) and not isinstance(value, bool):
        return parse_timestamp(value)
    raise _not("a timestamp", value)


def _duration(value: Any, _budget: Budget) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str):
        return parse_duration(value)
    raise _not("a duration", value)


def _not(what: str, value: Any) -> CelError:
    shown = repr(value)[:60] if isinstance(value, str | int | float) else type_name(value)
    return CelError(f"{shown} cannot be turned into {what}")


_ONE: dict[str, Callable[[Any, Budget], Any]] = {
    "size": _size,
    "int": _int,
    "uint": _uint,
    "double": _double,
    "bool": _bool,
    "string": _string,
    "bytes": _bytes,
    "timestamp": _timestamp,
    "duration": _duration,
    "dyn": lambda value, _budget: value,
    "type": lambda value, _budget: TypeValue(type_name(value)),
}
_TEXT: dict[str, Callable[[str, str, Budget], bool]] = {
    "contains": lambda text, other, _budget: other in text,
    "startsWith": lambda text, other, _budget: text.startswith(other),
    "endsWith": lambda text, other, _budget: text.endswith(other),
    "matches": _matches,
}
FUNCTIONS = frozenset({*_ONE, "matches"})
METHODS = frozenset({*_TEXT, *TIME_PARTS, "size"})
