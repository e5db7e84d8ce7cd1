"""A stack as text and back: what runs is kept as it was started, whatever the folder says later."""

import dataclasses
import json
from collections.abc import Mapping
from enum import Enum
from typing import Any

from commandcenter.stacks import health, model, resources

_TYPE = "$"
_TYPES: dict[str, Any] = {
    name: found
    for module in (model, resources, health)
    for name, found in vars(module).items()
    if isinstance(found, type) and (dataclasses.is_dataclass(found) or issubclass(found, Enum))
}


class SnapshotError(Exception):
    """The text was written by another version."""


def to_text(stack: model.Stack) -> str:
    """Return the stack as JSON. It holds the services' environment: seal it before it is stored."""
    return json.dumps(_encode(stack), separators=(",", ":"))


def from_text(text: str) -> model.Stack:
    """Return the stack that `to_text` wrote. Raises `SnapshotError`."""
    try:
        found = _decode(json.loads(text))
    except (KeyError, TypeError, ValueError) as error:
        raise SnapshotError(str(error)) from error
    if not isinstance(found, model.Stack):
        raise SnapshotError("it is not a stack")
    return found


def _encode(value: Any) -> Any:
    if isinstance(value, Enum):
        return {_TYPE: type(value).__name__, "value": value.value}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {
            field.name: _encode(getattr(value, field.name)) for field in dataclasses.fields(value)
        }
        return {_TYPE: type(value).__name__, **fields}
    if isinstance(value, tuple):
        return [_encode(item) for item in value]
    if isinstance(value, Mapping):
        return {_TYPE: "mapping", "items": [[key, _encode(item)] for key, item in value.items()]}
    return value


def _decode(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_decode(item) for item in value)
    if not isinstance(value, dict):
        return value
    name = value[_TYPE]
    if name == "mapping":
        return {key: _decode(item) for key, item in value["items"]}
    found = _TYPES[name]
    if issubclass(found, Enum):
        return found(value["value"])
    return found(**{key: _decode(item) for key, item in value.items() if key != _TYPE})
