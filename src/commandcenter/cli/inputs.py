"""`--input name=value`: text, `name=@file` the text of a file, `name:=json` any JSON value."""

import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from commandcenter.cli.problems import UsageProblemError

MAX_BYTES = 8 * 1024**2  # what the hub takes for all inputs of a run together
_NAME = re.compile(r"^(?P<name>[A-Za-z_][A-Za-z0-9_.-]*?)(?P<form>:=|=)(?P<value>.*)$", re.DOTALL)


def parse_inputs(given: Iterable[str]) -> dict[str, Any]:
    """Return the inputs by name; the last one of a name counts."""
    inputs: dict[str, Any] = {}
    for text in given:
        name, value = _parse(text)
        inputs[name] = value
    return inputs


def parse_step_inputs(given: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return inputs by node and name, from `node.name=value`."""
    inputs: dict[str, dict[str, Any]] = {}
    for text in given:
        path, value = _parse(text)
        node, dot, name = path.partition(".")
        if not dot or not node or not name:
            raise UsageProblemError(
                f"--step-input {text[:100]!r} does not name a node's input.",
                hint="Write it like --step-input fix.targetBranch=main",
            )
        inputs.setdefault(node, {})[name] = value
    return inputs


def _parse(text: str) -> tuple[str, Any]:
    match = _NAME.match(text)
    if match is None:
        raise UsageProblemError(
            f"{text[:100]!r} is no input.",
            hint="Write name=value, name=@file, or name:=JSON for a list or an object.",
        )
    name, value = match["name"], match["value"]
    if match["form"] == "=":
        return name, _file_value(name, value) if value.startswith("@") else value
    try:
        return name, json.loads(value)
    except ValueError as error:
        raise UsageProblemError(
            f"The input {name} is not valid JSON: {error}.",
            hint="name:=JSON takes JSON; for plain text write name=value.",
        ) from error


def _file_value(name: str, value: str) -> str:
    text = read_value(value, what=f"input {name}")
    if not text.strip():
        from commandcenter.cli.terminal import clean, console  # noqa: PLC0415  # Rich is slow

        source = "standard input" if value == "@-" else clean(value.removeprefix("@"))
        console(sys.stderr).print(
            f"Warning: what was given for input {name}, {source}, is empty.",
            style="yellow",
            markup=False,
            highlight=False,
        )
    return text


def read_value(value: str, *, what: str) -> str:
    """Return the text behind `@file` or `@-` (standard input)."""
    source = value.removeprefix("@")
    try:
        if source == "-":
            data = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with Path(source).open("rb") as file:
                data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageProblemError(
            f"The file for {what}, {source}, cannot be read: {error.strerror}.",
            hint="Check the path; it counts from the folder you are in.",
        ) from error
    if len(data) > MAX_BYTES:
        raise UsageProblemError(
            f"The file for {what} is larger than {MAX_BYTES // 1024**2} MiB, "
            "the most that is taken.",
            hint="Put large data into the project's folder and pass its path within it.",
        )
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise UsageProblemError(
            f"The file for {what}, {source}, is not UTF-8 text.",
            hint="Convert it, or pass it in base64 if the agent takes that.",
        ) from error
