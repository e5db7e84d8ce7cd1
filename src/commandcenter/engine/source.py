"""The text of a definition as a tree that knows where each value stands.

YAML 1.2 (core schema, no tags, no merge keys) and JSON. The tree is built by a loop over parser
events, not by recursion, and everything that can grow is bounded: the text, the depth, the number
of values after aliases were expanded.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from commandcenter.engine.issues import Issue, WorkflowInvalidError

MAX_TEXT_BYTES = 1024 * 1024
MAX_DEPTH = 64
MAX_VALUES = 50_000

_KINDS = {dict: "a mapping", list: "a list", str: "a string", bool: "a boolean"}


@dataclass(slots=True)
class Node:
    """A value with its place. `value` is a dict of Nodes, a list of Nodes or a JSON scalar."""

    value: Any
    line: int
    column: int
    keys: "dict[str, Node] | None" = None  # of a mapping: the place of each key
    size: int = 1  # values below and including this one, aliases counted each time
    depth: int = 0  # levels below this one, aliases expanded

    @property
    def kind(self) -> str:
        if self.value is None:
            return "nothing"
        if isinstance(self.value, int | float) and not isinstance(self.value, bool):
            return "a number"
        return _KINDS[type(self.value)]


class SourceError(Exception):
    """The text cannot be read; raised inside, reported as a `WorkflowInvalidError`."""

    def __init__(self, message: str, line: int, column: int, hint: str | None = None) -> None:
        super().__init__(message)
        self.issue = Issue("", line, column, message, hint)


def plain(node: Node) -> Any:
    """Return the JSON tree without places. The depth was bounded when the tree was built."""
    if isinstance(node.value, dict):
        return {key: plain(child) for key, child in node.value.items()}
    if isinstance(node.value, list):
        return [plain(child) for child in node.value]
    return node.value


def strings(node: Node, path: str) -> Iterator[tuple[str, Node]]:
    """Yield every string below with its path: those that may hold templates."""
    if isinstance(node.value, str):
        yield path, node
    elif isinstance(node.value, dict):
        for key, child in node.value.items():
            yield from strings(child, f"{path}.{key}")
    elif isinstance(node.value, list):
        for index, child in enumerate(node.value):
            yield from strings(child, f"{path}[{index}]")


def check_text(text: str) -> None:
    """Refuse a text that is too large or not encodable; WorkflowInvalidError."""
    try:
        size = len(text.encode()) if len(text) <= MAX_TEXT_BYTES else len(text)
    except UnicodeEncodeError as error:
        before = text[: error.start]
        line = before.count("\n") + 1
        column = error.start - before.rfind("\n")
        raise WorkflowInvalidError(
            "The workflow definition",
            [Issue("", line, column, "not valid Unicode text: a lone surrogate")],
        ) from None
    if size > MAX_TEXT_BYTES:
        raise WorkflowInvalidError(
            "The workflow definition",
            [
                Issue(
                    "",
                    0,
                    0,
                    f"the text has {size:,} bytes; the most is {MAX_TEXT_BYTES:,}",
                    "split the workflow, or put large data into an artifact",
                )
            ],
        )


class TreeBuilder:
    """Puts events together to one tree; both formats use it, so one set of bounds holds."""

    def __init__(self) -> None:
        self._open: list[Node] = []
        self._pending_keys: list[Node | None] = []
        self.root: Node | None = None

    def scalar(self, value: Any, line: int, column: int) -> Node:
        return self._add(Node(value, line, column))

    def open(self, value: dict[str, Node] | list[Node], line: int, column: int) -> Node:
        if len(self._open) >= MAX_DEPTH:
            raise SourceError(f"nested more than {MAX_DEPTH} levels deep", line, column)
        node = Node(value, line, column, {} if isinstance(value, dict) else None)
        if self._expects_key():
            raise SourceError("a key must be a string, not a list or a mapping", line, column)
        self._open.append(node)
        self._pending_keys.append(None)
        return node

    def close(self) -> Node:
        node = self._open.pop()
        self._pending_keys.pop()
        return self._add(node)

    def alias(self, node: Node, line: int, column: int) -> None:
        if any(node is parent for parent in self._open):
            raise SourceError("an alias may not contain itself", line, column)
        copy = Node(node.value, line, column, node.keys, node.size, node.depth)
        self._add(copy, too_many="write out what is needed: aliases of aliases multiply")

    def _expects_key(self) -> bool:
        return (
            bool(self._open)
            and isinstance(self._open[-1].value, dict)
            and self._pending_keys[-1] is None
        )

    def _add(
        self,
        node: Node,
        *,
        too_many: str = "let one node's agent go through a list instead of writing a node per item",
    ) -> Node:
        if not self._open:
            self.root = node
            return node
        parent = self._open[-1]
        if self._expects_key():
            if not isinstance(node.value, str):
                raise SourceError(
                    f"a key must be a string, not {node.kind}",
                    node.line,
                    node.column,
                    "put it in quotes",
                )
            if node.value in parent.value:
                first = (parent.keys or {})[node.value]
                raise SourceError(
                    f'the key "{node.value[:100]}" is there twice',
                    node.line,
                    node.column,
                    f"the first one is in line {first.line}",
                )
            self._pending_keys[-1] = node
            return node
        if isinstance(parent.value, list):
            parent.value.append(node)
        else:
            key = self._pending_keys[-1]
            if key is None or parent.keys is None:  # pragma: no cover - excluded above
                raise SourceError("a value without a key", node.line, node.column)
            parent.value[key.value] = node
            parent.keys[key.value] = key
            self._pending_keys[-1] = None
        parent.size += node.size
        if parent.size > MAX_VALUES:
            raise SourceError(
                f"more than {MAX_VALUES:,} values, aliases expanded",
                node.line,
                node.column,
                too_many,
            )
        parent.depth = max(parent.depth, node.depth + 1)
        if len(self._open) + node.depth > MAX_DEPTH:
            raise SourceError(f"nested more than {MAX_DEPTH} levels deep", node.line, node.column)
        return node
