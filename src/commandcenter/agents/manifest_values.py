"""The values of `agent.yaml` that are more than words and numbers."""

import re
from collections.abc import Iterator
from typing import Annotated, Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer

_DURATION = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)(ms|s|m|h|d)", re.ASCII)
_DURATION_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE = re.compile(r"(\d{1,18})(B|KiB|MiB|GiB)", re.ASCII)
_SIZE_UNITS = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST_AND_PORT = re.compile(rf"(?=[^:]{{1,253}}:){_LABEL}(?:\.{_LABEL})*:(\d{{1,5}})", re.ASCII)
_MAX_PORT = 65535


def parse_duration(value: object) -> object:
    """Turn "500ms", "60s", "5m", "1.5h" or "1d" into seconds; leave anything else to the model."""
    if not isinstance(value, str):
        return value
    match = _DURATION.fullmatch(value)
    if match is None:
        raise ValueError(f'{value!r} is not a duration such as "60s", "5m" or "1h"')
    return float(match[1]) * _DURATION_UNITS[match[2]]


def parse_size(value: object) -> object:
    """Turn "64MiB" into bytes (B, KiB, MiB, GiB); leave anything else to the model."""
    if not isinstance(value, str):
        return value
    match = _SIZE.fullmatch(value)
    if match is None:
        raise ValueError(f'{value!r} is not a size such as "512MiB" or "1GiB"')
    return int(match[1]) * _SIZE_UNITS[match[2]]


def _json_schema(value: dict[str, Any]) -> dict[str, Any]:
    try:
        Draft202012Validator.check_schema(value)
    except SchemaError as error:
        where = "/".join(str(part) for part in error.absolute_path) or "the top"
        raise ValueError(f"not a valid JSON Schema (2020-12) at {where}: {error.message}") from None
    if value.get("type") != "object":
        raise ValueError('it must describe an object: add "type: object" at the top')
    for reference in _references(value):
        if not reference.startswith("#"):
            raise ValueError(f"$ref {reference!r} leaves the document; only #/... is allowed")
    return value


def _references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key in {"$ref", "$dynamicRef"} and isinstance(value, str):
                yield value
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def _host_and_port(value: str) -> str:
    match = _HOST_AND_PORT.fullmatch(value)
    if match is None or not 1 <= int(match[1]) <= _MAX_PORT:
        raise ValueError(f'{value!r} is not "host:port" in lower case, without wildcards')
    return value


def _argument(value: str) -> str:
    if not value or "\0" in value:
        raise ValueError("a word of the command must not be empty or contain a NUL character")
    return value


Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    PlainSerializer(lambda seconds: f"{seconds:.9f}".rstrip("0").rstrip(".") + "s"),
]
Size = Annotated[int, BeforeValidator(parse_size), PlainSerializer(lambda count: f"{count}B")]
JsonSchema = Annotated[dict[str, Any], AfterValidator(_json_schema)]
HostAndPort = Annotated[str, AfterValidator(_host_and_port)]
Argument = Annotated[str, AfterValidator(_argument)]
VariableName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$")]
