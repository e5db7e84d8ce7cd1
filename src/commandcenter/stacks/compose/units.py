"""Sizes, durations, numbers and booleans as Compose writes them; ValueError says what is wrong."""

import math
import re

_BYTES = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([kmgtp]?)(?:i?b)?", re.IGNORECASE)
_FACTORS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4, "p": 1024**5}
_DURATION = re.compile(r"(?:[0-9]+(?:\.[0-9]*)?(?:ns|us|µs|ms|[smhdw]))+")
_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?)(ns|us|µs|ms|[smhdw])")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3}
_SECONDS |= {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_LONGEST_SECONDS = 366 * 86400.0
_MOST_BYTES = 2**50
_MOST_DIGITS = 18
_TRUE = {"true", "y", "yes", "on", "1"}
_FALSE = {"false", "n", "no", "off", "0"}


def parse_bytes(value: object) -> int:
    """Return a size in bytes: 512, "64k", "1.5G", "300kb"; units are powers of 1024."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        size = float(value)
    else:
        match = _BYTES.fullmatch(str(value).strip())
        if match is None or len(match[1]) > _MOST_DIGITS:
            raise ValueError(f'"{str(value)[:40]}" is not a size; write 512k, 64m or 1g')
        size = float(match[1]) * _FACTORS[match[2].lower()]
    if not 0 <= size <= _MOST_BYTES:
        raise ValueError(f'"{str(value)[:40]}" is not a possible size')
    return int(size)


def parse_duration(value: object) -> float:
    """Return a duration in seconds: "30s", "1m30s", "500ms", "0"."""
    text = str(value).strip()
    if text == "0":
        return 0.0
    if len(text) > _MOST_DIGITS * 4 or not _DURATION.fullmatch(text):
        raise ValueError(f'"{text[:40]}" is not a duration; write 30s, 1m30s or 500ms')
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text))
    if seconds > _LONGEST_SECONDS:
        raise ValueError(f'"{text[:40]}" is longer than a year')
    return seconds


def parse_integer(value: object) -> int:
    """Return a whole number, of 64 bits at most."""
    text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    if isinstance(value, bool) or not re.fullmatch(rf"[-+]?[0-9]{{1,{_MOST_DIGITS}}}", text):
        raise ValueError(f'"{text[:40]}" is not a whole number')
    return int(text)


def parse_number(value: object) -> float:
    """Return a finite number."""
    try:
        number = math.nan if isinstance(value, bool) else float(str(value))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f'"{str(value)[:40]}" is not a number')
    return number


def parse_boolean(value: object) -> bool:
    """Return true or false: also the words yes, no, on, off."""
    word = str(value).lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError(f'"{str(value)[:40]}" is neither true nor false')


def parse_mode(value: object) -> int:
    """Return file permissions; a string is octal ("0440"), a number is what YAML made of it."""
    if isinstance(value, str):
        if not re.fullmatch(r"(?:0o?)?[0-7]{1,4}", value):
            raise ValueError(f'"{value[:40]}" is not a file mode; write "0440"')
        return int(value.removeprefix("0o"), 8)
    mode = parse_integer(value)
    if not 0 <= mode <= 0o7777:  # noqa: PLR2004 - all permission bits
        raise ValueError(f"{mode} is not a file mode; write 0440")
    return mode


def text_of(value: object) -> str:
    """Return a scalar as Compose turns it to text: `true`, `1.1` of 1.10, `1e+06` of 1e6."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _float_text(value)
    return "" if value is None else str(value)


def _float_text(value: float) -> str:
    if value == 0:
        return "-0" if math.copysign(1, value) < 0 else "0"
    mantissa, _, exponent = f"{value!r}e".partition("e")
    sign = "-" if value < 0 else ""
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    power = int(exponent.rstrip("e") or 0)
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + power - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    if point - 1 < -4 or point - 1 >= 6:  # noqa: PLR2004 - where the other form begins
        tail = f".{digits[1:]}" if len(digits) > 1 else ""
        return f"{sign}{digits[0]}{tail}e{point - 1:+03d}"
    if point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    if len(digits) <= point:
        return sign + digits + "0" * (point - len(digits))
    return f"{sign}{digits[:point]}.{digits[point:]}"
