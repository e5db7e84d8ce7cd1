"""Read `agent.yaml` as plain JSON values that still know their lines."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from commandcenter.kit.errors import InvalidInputError

MANIFEST_NAME = "agent.yaml"

_MAX_FILE_BYTES = 256 * 1024
_MAX_NODES = 20_000  # an alias counts each time: a few lines could otherwise stand for gigabytes
_MAX_DEPTH = 64
_MAX_BRACKETS = 100  # the parser takes seconds over hundreds of lists within lists

Location = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    line: int | None  # from 1
    field: str  # dotted, "" for the whole
    message: str

    def __str__(self) -> str:
        where = f"line {self.line}" if self.line else ""
        return ": ".join(part for part in (where, self.field, self.message) if part)


class ManifestError(InvalidInputError):
    code = "invalid_manifest"
    title = "The agent's manifest is not valid"

    @classmethod
    def of(cls, path: Path, problems: Sequence[Problem]) -> "ManifestError":
        return cls(
            f"{path}: " + "; ".join(str(problem) for problem in problems),
            hint="docs/how-to/write-an-agent.md lists what a manifest may contain.",
            fields={
                "problems": [
                    {"line": found.line, "field": found.field, "message": found.message}
                    for found in problems
                ]
            },
        )


@dataclass(frozen=True, slots=True)
class Document:
    """The file's values, and the line of each by its location."""

    value: Any
    lines: Mapping[Location, int]

    def problem(self, where: Location, message: str) -> Problem:
        """Say what is wrong at `where`, with the line of the nearest thing that has one."""
        line = None
        for length in range(len(where), -1, -1):
            line = self.lines.get(where[:length])
            if line is not None:
                break
        return Problem(line, ".".join(str(part) for part in where), message)


class _TooLargeError(Exception):
    pass


class _Plain:
    """Turns ruamel's nodes into JSON values, noting lines, within bounds."""

    def __init__(self) -> None:
        self.lines: dict[Location, int] = {(): 1}
        self.nodes = 0

    def convert(self, node: object, where: Location) -> Any:
        self.nodes += 1
        if self.nodes > _MAX_NODES or len(where) > _MAX_DEPTH:
            raise _TooLargeError
        if isinstance(node, CommentedMap):
            result = {}
            for key, value in node.items():
                if not isinstance(key, str):
                    dotted = ".".join(map(str, where))
                    raise ValueError(f"{dotted}: the key {key!r} is not text")  # noqa: TRY004 - the user's value
                self.lines[(*where, key)] = node.lc.key(key)[0] + 1 if key in node.lc.data else 1
                result[str(key)] = self.convert(value, (*where, key))
            return result
        if isinstance(node, CommentedSeq):
            values = []
            for index, value in enumerate(node):
                if index in (node.lc.data or {}):
                    self.lines[(*where, index)] = node.lc.item(index)[0] + 1
                values.append(self.convert(value, (*where, index)))
            return values
        if node is None or isinstance(node, bool):
            return node
        if isinstance(node, str):
            return str(node)
        if isinstance(node, int):
            return int(node)
        if isinstance(node, float):
            return float(node)
        dotted = ".".join(map(str, where))
        raise ValueError(f"{dotted}: {node} is not a JSON value; put it in quotes to make it text")


def _bracket_depth(content: bytes) -> int:
    """Return how deep brackets lie in each other at most; those in quotes count too."""
    depth = deepest = 0
    for byte in re.findall(rb"[\[\]{}]", content):
        depth = depth + 1 if byte in b"[{" else max(0, depth - 1)
        deepest = max(deepest, depth)
    return deepest


def read_manifest_file(path: Path) -> bytes:
    """Return the file's content, within bounds. Raises `ManifestError`."""
    refuse = partial(_refusal, path)
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            content = file.read(_MAX_FILE_BYTES + 1)
    except OSError as error:
        raise refuse(f"it cannot be read: {error.strerror}") from error
    if len(content) > _MAX_FILE_BYTES:
        raise refuse(f"larger than {_MAX_FILE_BYTES // 1024} KiB")
    return content


def parse_manifest_file(path: Path, content: bytes) -> Document:
    """Parse one YAML 1.2 document. Raises `ManifestError`; repeated keys are an error too."""
    refuse = partial(_refusal, path)
    if _bracket_depth(content) > _MAX_BRACKETS:
        raise refuse("too deeply nested: too many brackets within brackets")
    plain = _Plain()
    try:
        node = YAML(typ="rt", pure=True).load(content.decode())
        value = plain.convert(node, ())
    except UnicodeDecodeError:
        raise refuse("it is not UTF-8 text") from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise refuse(str(error.problem).splitlines()[0], mark.line + 1 if mark else None) from None
    except (_TooLargeError, RecursionError):
        raise refuse("too deeply nested, or too many values") from None
    except (YAMLError, ValueError) as error:
        raise refuse(" ".join(str(error).split())[:300]) from None
    if not isinstance(value, dict):
        raise refuse("it is not a list of `key: value` lines")
    return Document(value, plain.lines)


def _refusal(path: Path, message: str, line: int | None = None) -> ManifestError:
    return ManifestError.of(path, [Problem(line, "", message)])
