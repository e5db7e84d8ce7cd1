"""Arithmetic, comparison and equality as the language defines them."""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from commandcenter.engine.cel.budget import Budget
from commandcenter.engine.cel.errors import CelError
from commandcenter.engine.cel.times import checked_duration
from commandcenter.engine.cel.values import UInt, type_name
from commandcenter.engine.numbers import MAX_INTEGER, MIN_INTEGER

_MAX_UINT = 2**64 - 1
_NUMBERS = ("int", "uint", "double")
_COMPARABLE = (
    "bool",
    "string",
    "bytes",
    "google.protobuf.Timestamp",
    "google.protobuf.Duration",
)


def fetched(value: Any) -> Any:
    """Return a value of the context as the language sees it: an integer too large is a double."""
    if type(value) is int and not MIN_INTEGER <= value <= MAX_INTEGER:
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    return value


def apply(operator: str, left: Any, right: Any, budget: Budget) -> Any:
    """Apply a binary operator other than `in`, `&&` and `||`; CelError if it is not defined."""
    if operator == "==":
        return equal(left, right, budget)
    if operator == "!=":
        return not equal(left, right, budget)
    if operator in ("<", "<=", ">", ">="):
        return _compare(operator, left, right, budget)
    return _arithmetic(operator, left, right, budget)


def negate(value: Any) -> Any:
    name = type_name(value)
    if name == "double":
        return -value
    if name == "int":
        return _integer(-value, name)
    raise CelError(f"- is not defined for {name}")


def contains(item: Any, container: Any, budget: Budget) -> bool:
    if isinstance(container, Mapping):
        if isinstance(item, float) and item.is_integer():
            item = int(item)
        return isinstance(item, str | int) and not isinstance(item, bool) and item in container
    if isinstance(container, list | tuple):
        return any(equal(item, other, budget) for other in container)
    raise CelError(f"in needs a list or a map on its right, not {type_name(container)}")


def equal(left: Any, right: Any, budget: Budget) -> bool:  # noqa: PLR0911, PLR0912 - one per type
    """Compare deeply, without recursion; values of different types are not equal."""
    waiting = [(left, right)]
    while waiting:
        budget.spend(1)
        a, b = waiting.pop()
        a_type, b_type = type_name(a), type_name(b)
        if a_type in _NUMBERS and b_type in _NUMBERS:
            if a != b:
                return False
        elif a_type != b_type:
            return False
        elif a_type == "list":
            if len(a) != len(b):
                return False
            budget.spend(len(a))
            waiting.extend(zip(a, b, strict=True))
        elif a_type == "map":
            if len(a) != len(b):
                return False
            budget.spend(len(a))
            for key, value in a.items():
                if key not in b:
                    return False
                waiting.append((value, b[key]))
        else:
            if a_type in ("string", "bytes"):
                budget.spend_characters(min(len(a), len(b)))
            if a != b:
                return False
    return True


def _compare(operator: str, left: Any, right: Any, budget: Budget) -> bool:
    left_type, right_type = type_name(left), type_name(right)
    numbers = left_type in _NUMBERS and right_type in _NUMBERS
    if not numbers and not (left_type == right_type and left_type in _COMPARABLE):
        raise _undefined(operator, left_type, right_type)
    if left_type in ("string", "bytes"):
        budget.spend_characters(min(len(left), len(right)))
    if left_type != right_type and "double" in (left_type, right_type):
        left, right = float(left), float(right)
    if operator == "<":
        return bool(left < right)
    if operator == "<=":
        return bool(left <= right)
    if operator == ">":
        return bool(left > right)
    return bool(left >= right)


def _arithmetic(operator: str, left: Any, right: Any, budget: Budget) -> Any:
    left_type, right_type = type_name(left), type_name(right)
    if isinstance(left, datetime | timedelta) or isinstance(right, datetime | timedelta):
        return _times(operator, left, right)
    if left_type != right_type:
        raise _undefined(operator, left_type, right_type)
    if left_type == "double" and operator != "%":
        return _double(operator, left, right)
    if left_type in ("int", "uint"):
        return _integer(_whole(operator, left, right), left_type)
    if operator == "+" and left_type in ("string", "bytes"):
        budget.spend_characters(len(left) + len(right))
        return left + right
    if operator == "+" and left_type == "list":
        budget.spend(len(left) + len(right))
        return [*left, *right]
    raise _undefined(operator, left_type, right_type)


def _whole(operator: str, left: int, right: int) -> int:
    a, b = int(left), int(right)
    if operator == "+":
        return a + b
    if operator == "-":
        return a - b
    if operator == "*":
        return a * b
    if b == 0:
        raise CelError("division by zero" if operator == "/" else "remainder of a division by zero")
    quotient = abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)  # towards zero
    return quotient if operator == "/" else a - quotient * b


def _integer(value: int, name: str) -> int:
    if name == "uint":
        if not 0 <= value <= _MAX_UINT:
            raise CelError("the result is not an unsigned integer of 64 bits")
        return UInt(value)
    if not MIN_INTEGER <= value <= MAX_INTEGER:
        raise CelError("the result needs more than 64 bits")
    return value


def _double(operator: str, left: float, right: float) -> float:
    if operator == "+":
        return left + right
    if operator == "-":
        return left - right
    if operator == "*":
        return left * right
    if right != 0:
        return left / right
    if left == 0 or math.isnan(left):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)


def _times(operator: str, left: Any, right: Any) -> datetime | timedelta:
    result: Any = None
    try:
        if operator == "+":
            if not (isinstance(left, datetime) and isinstance(right, datetime)):
                result = left + right
        elif operator == "-":
            result = left - right
    except OverflowError:
        raise CelError("the time lies outside the years 1 to 9999") from None
    except TypeError:
        result = None
    if not isinstance(result, datetime | timedelta):
        raise _undefined(operator, type_name(left), type_name(right))
    return checked_duration(result) if isinstance(result, timedelta) else result


def _undefined(operator: str, left: str, right: str) -> CelError:
    hint = ""
    if left in _NUMBERS and right in _NUMBERS:
        hint = "; convert one with double(...) or int(...)"
    elif "null_type" in (left, right):
        hint = "; test for null first"
    return CelError(f"{operator} is not defined between {left} and {right}{hint}")
