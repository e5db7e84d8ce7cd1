"""Numbers as every part of the engine understands them: 64-bit integers and finite floats."""

import math
import re

MIN_INTEGER = -(2**63)
MAX_INTEGER = 2**63 - 1
INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_MOST_DIGITS = 25  # int() takes quadratic time, and nothing longer fits into 64 bits


def parse_integer(text: str) -> int:
    """Return the integer (decimal, 0x or 0o); ValueError if it is none or exceeds 64 bits."""
    if not INTEGER.fullmatch(text):
        raise ValueError("not a whole number")
    base = {"0x": 16, "0o": 8}.get(text[:2], 10)
    value = int(text, base) if len(text) <= _MOST_DIGITS else MAX_INTEGER + 1
    if not MIN_INTEGER <= value <= MAX_INTEGER:
        raise ValueError("the integer needs more than 64 bits")
    return value


def parse_float(text: str) -> float:
    """Return the number; ValueError if it is none or a double cannot hold it."""
    if not FLOAT.fullmatch(text):
        raise ValueError("not a number")
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("the number is too large")
    return value
