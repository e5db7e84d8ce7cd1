"""A tree against the JSON Schema of the Compose Specification, each violation at its line.

`specification/compose-spec.json` is the work of the Compose Specification's authors; its licence
lies beside it.
"""

import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import resources
from itertools import islice
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from commandcenter.engine.issues import did_you_mean, quoted
from commandcenter.stacks.compose.problems import MAX_PROBLEMS, Findings, Place, Refusal
from commandcenter.stacks.compose.source import Node, plain
from commandcenter.stacks.compose.substitution import path_text

_TYPES = {
    "object": "a mapping",
    "array": "a list",
    "string": "a string",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "nothing",
}


@cache
def _validator() -> Draft202012Validator:
    text = resources.files(__package__).joinpath("specification/compose-spec.json").read_text()
    return Draft202012Validator(json.loads(text))


def service_attributes() -> frozenset[str]:
    """Return the names the specification gives to the attributes of a service."""
    schema: Any = _validator().schema
    return frozenset(schema["$defs"]["service"]["properties"])


def validate(root: Node, findings: Findings) -> frozenset[tuple[str, ...]]:
    """Report what the schema does not allow; return the paths (two parts at most) concerned."""
    concerned: set[tuple[str, ...]] = set()
    for error in islice(_validator().iter_errors(plain(root)), MAX_PROBLEMS):
        for told in _nearest(error):
            path = tuple(str(part) for part in told.absolute_path)
            concerned.add(path[:2])
            _report(root, told, path, findings)
    return frozenset(concerned)


def _report(root: Node, error: ValidationError, path: tuple[str, ...], findings: Findings) -> None:
    node, place = _find(root, path)
    shown = path_text(path)
    schema: Any = error.schema
    match error.validator:
        case "additionalProperties":
            known = tuple(schema.get("properties", ()))
            for key in _unknown_keys(error):
                where = node.keys.get(key, place)
                name = f"{shown}.{key}" if shown else key
                if known:
                    message = "there is no such attribute in the Compose Specification"
                    findings.refuse(Refusal.INVALID, name, where, message, did_you_mean(key, known))
                else:
                    message = f"{quoted(key)} is not a name: a-z, A-Z, 0-9, dot, dash, underscore"
                    findings.refuse(Refusal.INVALID, name, where, message)
        case "required":
            missing = [key for key in schema["required"] if node.get(key) is None]
            findings.refuse(Refusal.INVALID, shown, place, f"{', '.join(missing)} is missing")
        case "type" | "oneOf" | "anyOf":
            wanted = " or ".join(_TYPES.get(name, name) for name in dict.fromkeys(_types(schema)))
            message = f"must be {wanted}, not {node.kind}" if wanted else error.message[:200]
            findings.refuse(Refusal.INVALID, shown, place, message)
        case "enum":
            words = ", ".join(str(word) for word in schema["enum"])
            message = f"must be one of {words}, not {quoted(str(node.value))}"
            findings.refuse(Refusal.INVALID, shown, place, message)
        case "uniqueItems":
            findings.refuse(Refusal.INVALID, shown, place, "an entry is there twice")
        case _:
            findings.refuse(Refusal.INVALID, shown, place, error.message[:200])


def _nearest(error: ValidationError) -> Iterator[ValidationError]:
    """Yield what is wrong within the one alternative that was meant, where that can be told."""
    if error.validator not in ("oneOf", "anyOf") or not error.context:
        yield error
        return
    branches: dict[Any, list[ValidationError]] = {}
    for inner in error.context:
        branches.setdefault(inner.schema_path[0], []).append(inner)
    meant = [
        inner
        for inner in branches.values()
        if not any(each.validator == "type" and not each.path for each in inner)
    ]
    if len(meant) == 1:
        for inner_error in meant[0]:
            yield from _nearest(inner_error)
    else:
        yield error


def _types(schema: Any) -> Iterable[str]:
    kind = schema.get("type")
    if isinstance(kind, str):
        yield kind
    elif isinstance(kind, list):
        yield from kind
    if "$ref" in schema:
        definitions: Any = _validator().schema
        yield from _types(definitions["$defs"][schema["$ref"].rpartition("/")[2]])
    for inner in (*schema.get("oneOf", ()), *schema.get("anyOf", ())):
        yield from _types(inner)


def _unknown_keys(error: ValidationError) -> list[str]:
    schema: Any = error.schema
    instance: Any = error.instance
    patterns = [re.compile(pattern) for pattern in schema.get("patternProperties", ())]
    return [
        key
        for key in instance
        if key not in schema.get("properties", ())
        and not any(pattern.search(key) for pattern in patterns)
    ]


def _find(root: Node, path: tuple[str, ...]) -> tuple[Node, Place]:
    node, place = root, root.place
    for part in path:
        if node.is_list:
            node = node.value[int(part)]
            place = node.place
        else:
            place = node.keys.get(part, node.place)
            node = node.value[part]
    return node, place
