"""The values of expressions: JSON's own, plus uint, bytes, timestamp, duration and types."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any


class UInt(int):
    """An unsigned 64-bit integer, a type of its own in the language."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class TypeValue:
    """A type as a value: `type(x) == string`."""

    name: str


TYPES = {
    name: TypeValue(name)
    for name in ("bool", "int", "uint", "double", "string", "bytes", "list", "map", "type")
} | {"null_type": TypeValue("null_type")}


def type_name(value: Any) -> str:
    """Return the language's name of the value's type."""
    for kinds, name in _NAMES:
        if isinstance(value, kinds):
            return name
    return "null_type"


_NAMES: tuple[tuple[Any, str], ...] = (
    (str, "string"),
    (bool, "bool"),
    (UInt, "uint"),
    (int, "int"),
    (float, "double"),
    (Mapping, "map"),
    (list | tuple, "list"),
    (bytes, "bytes"),
    (datetime, "google.protobuf.Timestamp"),
    (timedelta, "google.protobuf.Duration"),
    (TypeValue, "type"),
)
