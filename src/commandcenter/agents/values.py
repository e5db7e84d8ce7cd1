"""Checking what goes into an agent and what comes out against the schemas in its manifest.

A message names the place and the rule, never the value: it may be a secret, or megabytes long.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import re2
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

from commandcenter.agents.errors import AgentInputsError, AgentOutputsError, Mismatch
from commandcenter.agents.manifest import AgentManifest
from commandcenter.kit.errors import InvalidInputError

_MAX_MISMATCHES = 20
_MAX_WORD = 200
_SHOWN_NAMES = 10
_COMPILED = 256
_PATTERN_MEMORY = 8 * 1024**2


class AgentSchemaError(InvalidInputError):
    code = "agent_schema_invalid"
    title = "A schema of the agent cannot be used"


def _compile(pattern: str) -> Any:
    options = re2.Options()
    options.max_mem = _PATTERN_MEMORY
    options.log_errors = False
    return re2.compile(pattern, options)


def _pattern(
    _validator: Any, pattern: str, instance: object, _schema: object
) -> Iterator[ValidationError]:
    # Linear in the length of the text whatever the pattern; the library's own is not.
    if isinstance(instance, str) and not _compile(pattern).search(instance):
        yield ValidationError("pattern")


_Validator: Any = extend(  # type: ignore[no-untyped-call]  # the stubs lack its types
    Draft202012Validator, {"pattern": _pattern}
)
_formats = FormatChecker()


@_formats.checks("project")
def _is_project(value: object) -> bool:
    """Accept a project's name, its id, or the folder that stands for it in a sandbox."""
    return not isinstance(value, str) or (bool(value) and "\0" not in value)


def check_patterns(manifest: AgentManifest) -> None:
    """Refuse, at registration, regular expressions that could not be checked in linear time."""
    for schema in (manifest.inputs, manifest.outputs):
        for pattern in _patterns(schema):
            try:
                _compile(pattern)
            except re2.error:
                raise AgentSchemaError(
                    f"agent {manifest.name}: the pattern {pattern[:_MAX_WORD]!r} is not supported",
                    hint="Write it without look-around and back-references (RE2 syntax).",
                ) from None


def _patterns(node: object) -> Iterator[str]:
    if isinstance(node, Mapping):
        if isinstance(node.get("pattern"), str):
            yield node["pattern"]
        for value in node.values():
            yield from _patterns(value)
    elif isinstance(node, list):
        for value in node:
            yield from _patterns(value)


class ValueChecker:
    """Compiles each schema once per agent revision.

    Any thread may use it: megabytes of output take half a second, which no event loop should wait.
    """

    def __init__(self) -> None:
        self._compiled: OrderedDict[tuple[str, str], Any] = OrderedDict()
        self._lock = threading.Lock()

    def check_inputs(
        self, name: str, digest: str, schema: Mapping[str, Any], inputs: Mapping[str, Any]
    ) -> None:
        """Raise `AgentInputsError` unless the inputs fit. `digest` stands for the schema."""
        found = self._mismatches((digest, "inputs"), schema, dict(inputs))
        if found:
            raise AgentInputsError(f"the inputs do not fit agent {name!r}", found)

    def check_outputs(
        self, name: str, digest: str, schema: Mapping[str, Any], outputs: object
    ) -> None:
        """Raise `AgentOutputsError` unless the outputs fit."""
        found = self._mismatches((digest, "outputs"), schema, outputs)
        if found:
            raise AgentOutputsError(f"the outputs of agent {name!r} are not as promised", found)

    def _mismatches(
        self, key: tuple[str, str], schema: Mapping[str, Any], value: object
    ) -> list[Mismatch]:
        validator = self._validator(key, schema)
        return [
            Mismatch(_path(error), _words(error))
            for error in islice(validator.iter_errors(value), _MAX_MISMATCHES)
        ]

    def _validator(self, key: tuple[str, str], schema: Mapping[str, Any]) -> Any:
        with self._lock:
            validator = self._compiled.pop(key, None)
            if validator is None:
                validator = _Validator(schema, format_checker=_formats)
            self._compiled[key] = validator  # at the end: it was used last
            if len(self._compiled) > _COMPILED:
                self._compiled.popitem(last=False)
            return validator


def _path(error: ValidationError) -> str:
    parts = ""
    for part in error.absolute_path:
        if isinstance(part, int):
            parts += f"[{part}]"
        else:
            parts += f".{part[:_MAX_WORD]}" if parts else part[:_MAX_WORD]
    return parts


def _words(error: ValidationError) -> str:
    rule: Any = error.validator_value
    keyword = str(error.validator)
    if keyword in _PHRASES:
        return _PHRASES[keyword].format(_short(rule))
    if keyword == "type":
        wanted = " or ".join(rule) if isinstance(rule, list) else rule
        return f"must be {wanted}, not {_type_name(error.instance)}"
    instance: Any = error.instance
    if keyword == "required":
        missing = (name for name in rule if name not in instance)
        return "is missing " + ", ".join(repr(name) for name in missing)
    if keyword in {"additionalProperties", "unevaluatedProperties"}:
        schema = error.schema if isinstance(error.schema, Mapping) else {}
        known = schema.get("properties", {})
        extra = [_short(name) for name in instance if name not in known]
        return "has no place for " + ", ".join(extra[:_SHOWN_NAMES])
    return f"breaks the rule {keyword!r}"


_PHRASES = {
    "enum": "must be one of {}",
    "const": "must be {}",
    "pattern": "does not match the pattern {}",
    "format": "is not a valid {}",
    "minLength": "is shorter than {}",
    "minItems": "has fewer items than {}",
    "minProperties": "has fewer members than {}",
    "maxLength": "is longer than {}",
    "maxItems": "has more items than {}",
    "maxProperties": "has more members than {}",
    "minimum": "must be at least {}",
    "maximum": "must be at most {}",
    "exclusiveMinimum": "must be above {}",
    "exclusiveMaximum": "must be below {}",
    "multipleOf": "must be a multiple of {}",
}


def _short(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= _MAX_WORD else shown[:_MAX_WORD] + "..."


def _type_name(value: object) -> str:
    if value is None:
        return "null"
    # bool before int: in Python it is one.
    for kind, name in _TYPE_NAMES:
        if isinstance(value, kind):
            return name
    return "object"


_TYPE_NAMES: tuple[tuple[type[object], str], ...] = (
    (bool, "boolean"),
    (str, "string"),
    (int, "integer"),
    (float, "number"),
    (list, "array"),
)
