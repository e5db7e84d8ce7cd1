"""Numbers as every part of the engine understands them: 64-bit integers and finite floats."""

import math

MIN_INTEGER = -(2**63)
MAX_INTEGER = 2**63 - 1
_MOST_DIGITS = 25


def parse_integer(text: str) -> int:
    """Return the integer (decimal, 0x or 0o); ValueError if it needs more than 64 bits."""
    if len(text) > _MOST_DIGITS:
        raise ValueError("the integer needs more than 64 bits")
    base = {"0x": 16, "0o": 8}.get(text[:2], 10)
    value = int(text, base)
    if not MIN_INTEGER <= value <= MAX_INTEGER:
        raise ValueError("the integer needs more than 64 bits")
    return value


def parse_float(text: str) -> float:
    """Return the number; ValueError if a double cannot hold it."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("the number is too large")
    return value
