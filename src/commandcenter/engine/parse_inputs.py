"""The declared inputs of a definition."""

import re
from typing import Any

from commandcenter.engine.checking import Check
from commandcenter.engine.definition import InputSpec, InputType
from commandcenter.engine.issues import did_you_mean, quoted
from commandcenter.engine.json_types import fits, same, type_form
from commandcenter.engine.source import Node, plain

INPUT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,62}")
INPUT_KEYS = ("type", "format", "required", "default", "enum", "description")
FORMATS = ("project",)
MAX_INPUTS = 100


def read_inputs(node: Node | None, check: Check) -> dict[str, InputSpec]:
    """Return the declared inputs as far as they could be read."""
    members = check.mapping(node, "inputs") if node else None
    if node is None or members is None:
        return {}
    if len(members) > MAX_INPUTS:
        check.add("inputs", node, f"{len(members):,} inputs; the most is {MAX_INPUTS}")
        return {}
    found: dict[str, InputSpec] = {}
    for name, child in members.items():
        path = f"inputs.{name[:100]}"
        if not INPUT_NAME.fullmatch(name):
            check.add(
                path,
                (node.keys or {}).get(name, child),
                "this is not a name for an input",
                "use up to 63 letters, digits, dashes and underscores, starting with a letter",
            )
        found[name] = _input(name, child, path, check)
    return found


def _input(name: str, node: Node, path: str, check: Check) -> InputSpec:
    members = check.mapping(node, path, INPUT_KEYS) or {}
    kind = check.choice(members.get("type"), f"{path}.type", InputType) or InputType.STRING
    text_format = _format(members.get("format"), f"{path}.format", kind, check)
    enum = _enum(members.get("enum"), f"{path}.enum", kind, check)
    default = members.get("default")
    if default is not None and default.value is None:
        default = None  # the same as none: an optional input without a value is null
        required_default = False
    else:
        required_default = default is None
    if default is not None and _accepts(default, f"{path}.default", kind, check):
        value = plain(default)
        if enum and not any(same(value, choice) for choice in enum):
            check.add(f"{path}.default", default, "the default is not one of the enum's values")
    required = check.boolean(members.get("required"), f"{path}.required")
    if required and default is not None:
        check.add(
            f"{path}.required",
            members["required"],
            "an input with a default is never missing",
            "remove required or default",
        )
    return InputSpec(
        name=name,
        type=kind,
        format=text_format,
        required=required_default if required is None else required,
        default=plain(default) if default is not None else None,
        enum=enum,
        description=check.text(members.get("description"), f"{path}.description"),
    )


def _format(node: Node | None, path: str, kind: InputType, check: Check) -> str | None:
    text = check.text(node, path)
    if node is None or text is None:
        return None
    if text not in FORMATS:
        check.add(
            path,
            node,
            f"the format {quoted(text)} is not known",
            did_you_mean(text, FORMATS) or "known: " + ", ".join(FORMATS),
        )
    elif kind is not InputType.STRING:
        check.add(path, node, f"the format {text} is for strings, not for type {kind}")
    return text


def _enum(node: Node | None, path: str, kind: InputType, check: Check) -> tuple[Any, ...]:
    if node is None:
        return ()
    items = check.items(node, path)
    if not items and isinstance(node.value, list):
        check.add(path, node, "an enum needs at least one value")
    return tuple(
        plain(item)
        for index, item in enumerate(items)
        if _accepts(item, f"{path}[{index}]", kind, check)
    )


def _accepts(node: Node, path: str, kind: InputType, check: Check) -> bool:
    if fits(node.value, kind):
        return True
    check.wrong_kind(path, node, f"a value of type {kind}", type_form(kind))
    return False
