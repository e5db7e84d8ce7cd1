"""The values given to a run, against what the workflow declares."""

import json
from collections.abc import Mapping
from typing import Any

from commandcenter.engine.checking import joined
from commandcenter.engine.definition import InputSpec, InputType, WorkflowDefinition
from commandcenter.engine.issues import InputsInvalidError, Issue, did_you_mean, quoted
from commandcenter.engine.json_types import fits, from_text, same, type_form, type_of

MAX_BYTES = 8 * 1024 * 1024  # of all inputs together, as JSON
_SHOWN_CHOICES = 10


def parse_inputs(definition: WorkflowDefinition, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a value for every declared input; InputsInvalidError lists all that do not fit.

    A string given for an input of another type is read as text a person wrote: `5`, `true`,
    `{"a": 1}`. An optional input that is not given gets its default, else null.
    """
    issues = [
        Issue(
            f"inputs.{name[:100]}",
            0,
            0,
            f"the workflow has no input {quoted(name)}",
            did_you_mean(name, definition.inputs)
            or (f"it has {joined(definition.inputs)}" if definition.inputs else "it takes none"),
        )
        for name in given
        if name not in definition.inputs
    ]
    values: dict[str, Any] = {}
    for name, spec in definition.inputs.items():
        try:
            values[name] = _value(spec, given.get(name))
        except ValueError as error:
            hint = spec.description if given.get(name) is None else type_form(spec.type)
            issues.append(Issue(f"inputs.{name}", 0, 0, str(error), hint))
    issues += _size_issues(values)
    if issues:
        raise InputsInvalidError(
            f"The input of the workflow {definition.name}",
            issues,
            hint=f"commandcenter workflows show {definition.name} tells what it takes.",
        )
    return values


def _size_issues(values: Mapping[str, Any]) -> list[Issue]:
    """Refuse what could not be stored: too much in all, too deep, or not JSON."""
    total = 0
    for name, value in values.items():
        problem: str | None = None
        try:
            total += _json_size(value)
        except (ValueError, TypeError):
            problem = "not a JSON value: every text must be Unicode and every number finite"
        except RecursionError:
            problem = "nested too deep"
        if total > MAX_BYTES:
            problem = f"with it the inputs have more than {MAX_BYTES:,} bytes"
        if problem is not None:
            return [Issue(f"inputs.{name}", 0, 0, problem, "hand large data over as an artifact")]
    return []


def _json_size(value: Any) -> int:
    if isinstance(value, str) and len(value) > MAX_BYTES:
        return len(value)
    return len(json.dumps(value, ensure_ascii=False, allow_nan=False).encode())


def _value(spec: InputSpec, given: Any) -> Any:
    if given is None:
        if spec.required:
            raise ValueError(f"required, of type {spec.type}, but not given")
        return spec.default
    value = given
    if isinstance(given, str) and spec.type is not InputType.STRING:
        value = from_text(given, spec.type)
    if not fits(value, spec.type):
        raise ValueError(f"expected type {spec.type}, found {type_of(value)}")
    if spec.type is InputType.INTEGER:
        value = int(value)
    if spec.enum and not any(same(value, choice) for choice in spec.enum):
        choices = joined([quoted(str(choice)) for choice in spec.enum], _SHOWN_CHOICES)
        raise ValueError(f"must be one of {choices}")
    if spec.format == "project" and not value.strip():
        raise ValueError("must name a project")
    return value
