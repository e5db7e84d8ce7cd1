"""JSON values against the types an input can have."""

import json
from typing import Any

from commandcenter.engine.definition import InputType
from commandcenter.engine.issues import quoted
from commandcenter.engine.numbers import (
    INTEGER,
    MAX_INTEGER,
    MIN_INTEGER,
    parse_float,
    parse_integer,
)

_PYTHON: dict[InputType, Any] = {
    InputType.STRING: str,
    InputType.INTEGER: int,
    InputType.NUMBER: int | float,
    InputType.BOOLEAN: bool,
    InputType.OBJECT: dict,
    InputType.ARRAY: list,
}
_FORMS = {
    InputType.INTEGER: "write a whole number, such as 5",
    InputType.NUMBER: "write a number, such as 1.5",
    InputType.BOOLEAN: "write true or false",
    InputType.OBJECT: 'write a JSON object, such as {"a": 1}',
    InputType.ARRAY: "write a JSON array, such as [1, 2]",
    InputType.STRING: "put it in quotes",
}


def type_form(kind: InputType) -> str:
    """Return how a value of that type is written."""
    return _FORMS[kind]


def type_of(value: Any) -> str:
    """Return the JSON name of the value's type."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    for kind in (InputType.STRING, InputType.INTEGER, InputType.NUMBER, InputType.OBJECT):
        if isinstance(value, _PYTHON[kind]):
            return kind.value
    return "array" if isinstance(value, list | tuple) else type(value).__name__


def fits(value: Any, kind: InputType) -> bool:
    """Say whether the JSON value has that type; 5.0 is an integer, true is no number."""
    if isinstance(value, bool):
        return kind is InputType.BOOLEAN
    if kind is InputType.INTEGER and isinstance(value, float):
        return value.is_integer() and abs(value) <= MAX_INTEGER
    if kind is InputType.INTEGER and isinstance(value, int):
        return MIN_INTEGER <= value <= MAX_INTEGER
    return isinstance(value, _PYTHON[kind])


def from_text(text: str, kind: InputType) -> Any:
    """Return the value a person wrote as text; ValueError says how it is written."""
    stripped = text.strip()
    try:
        if kind is InputType.STRING:
            return text
        if kind is InputType.BOOLEAN:
            return {"true": True, "false": False}[stripped.lower()]
        if kind is InputType.INTEGER:
            return parse_integer(stripped)
        if kind is InputType.NUMBER:
            return _number(stripped)
        value = json.loads(text, parse_int=parse_integer, parse_float=parse_float)
    except (ValueError, KeyError, RecursionError):
        value = None
    if not isinstance(value, _PYTHON[kind]):
        raise ValueError(f"{quoted(text)} is not of type {kind}")  # noqa: TRY004 - it is text
    return value


def _number(text: str) -> int | float:
    return parse_integer(text) if INTEGER.fullmatch(text) else parse_float(text)


def same(one: Any, other: Any) -> bool:
    """Compare JSON values: 1 equals 1.0 but not true."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return bool(one == other)
