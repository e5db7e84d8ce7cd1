"""The tree of a compose file: each value with its place. Immutable, so aliases share."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from commandcenter.stacks.compose.problems import Place, Refusal

MAX_DEPTH = 64
MAX_VALUES = 20_000
MAX_LIST = 1_000  # comparing the items of a list with each other takes quadratic time
RESET = "!reset"
OVERRIDE = "!override"

_KINDS = {dict: "a mapping", list: "a list", str: "a string", bool: "a boolean"}


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A value with its place. `value`: a dict of Nodes, a list of Nodes or a scalar."""

    value: Any
    place: Place
    keys: Mapping[str, Place] = field(default_factory=dict)  # of a mapping
    tag: str = ""  # "", RESET or OVERRIDE
    size: int = 1  # values below and including this one, shared ones counted each time
    depth: int = 0

    @property
    def kind(self) -> str:
        if self.value is None:
            return "nothing"
        return _KINDS.get(type(self.value), "a number")

    @property
    def is_mapping(self) -> bool:
        return isinstance(self.value, dict)

    @property
    def is_list(self) -> bool:
        return isinstance(self.value, list)

    def get(self, key: str) -> "Node | None":
        """Return the child of a mapping, None if there is none or this is no mapping."""
        child: Node | None = self.value.get(key) if isinstance(self.value, dict) else None
        return child

    def children(self) -> "Iterator[Node]":
        if isinstance(self.value, dict):
            yield from self.value.values()
        elif isinstance(self.value, list):
            yield from self.value


class SourceError(Exception):
    """The text cannot be read, or grew beyond bounds."""

    def __init__(
        self, message: str, place: Place, hint: str | None = None, *, supported: bool = True
    ) -> None:
        super().__init__(message)
        self.refusal = Refusal.INVALID if supported else Refusal.UNSUPPORTED
        self.message = message
        self.place = place
        self.hint = hint


def mapping(
    value: dict[str, Node], place: Place, keys: Mapping[str, Place] | None = None, tag: str = ""
) -> Node:
    """Return a mapping; SourceError if it is too large or too deep."""
    known = dict(keys or {})
    for key, child in value.items():
        known.setdefault(key, child.place)
    return _checked(Node(value, place, known, tag, *_measure(value.values())))


def sequence(value: list[Node], place: Place, tag: str = "") -> Node:
    """Return a list; SourceError if it is too large or too deep."""
    if len(value) > MAX_LIST:
        raise SourceError(f"a list of more than {MAX_LIST:,} entries", place)
    return _checked(Node(value, place, {}, tag, *_measure(value)))


def scalar(value: Any, place: Place, tag: str = "") -> Node:
    return Node(value, place, {}, tag)


def with_child(node: Node, key: str, child: Node) -> Node:
    """Return the mapping with one entry set; the key keeps its place."""
    return mapping({**node.value, key: child}, node.place, node.keys, node.tag)


def without(node: Node, *names: str) -> Node:
    """Return the mapping without these keys."""
    kept = {key: child for key, child in node.value.items() if key not in names}
    return mapping(kept, node.place, node.keys, node.tag)


def plain(node: Node) -> Any:
    """Return the JSON tree without places."""
    if isinstance(node.value, dict):
        return {key: plain(child) for key, child in node.value.items()}
    if isinstance(node.value, list):
        return [plain(child) for child in node.value]
    return node.value


def _measure(children: Any) -> tuple[int, int]:
    size, depth = 1, 0
    for child in children:
        size += child.size
        depth = max(depth, child.depth + 1)
    return size, depth


def _checked(node: Node) -> Node:
    if node.size > MAX_VALUES:
        raise SourceError(f"more than {MAX_VALUES:,} values, aliases expanded", node.place)
    if node.depth > MAX_DEPTH:
        raise SourceError(f"nested more than {MAX_DEPTH} levels deep", node.place)
    return node
