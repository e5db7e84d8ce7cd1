"""A place in the tree while it is turned into a model: reads values and reports at their line."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from commandcenter.stacks.compose.problems import Findings, Place, Refusal
from commandcenter.stacks.compose.source import Node
from commandcenter.stacks.compose.units import parse_boolean, text_of

T = TypeVar("T")
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}")


@dataclass(frozen=True, slots=True)
class Cursor:
    """A node and its path. Shapes were checked by the schema; values are checked here."""

    node: Node
    path: str
    findings: Findings
    place: Place

    @classmethod
    def at(cls, node: Node, path: str, findings: Findings) -> "Cursor":
        return cls(node, path, findings, node.place)

    def get(self, key: str) -> "Cursor | None":
        """Return the child if it is there and not null."""
        child = self.node.get(key)
        if child is None or child.value is None:
            return None
        return self._child(key, child)

    def items(self) -> "Iterator[tuple[str, Cursor]]":
        """Yield the entries of a mapping; null values too. Extensions (x-) are passed over."""
        if self.node.is_mapping:
            for key, child in self.node.value.items():
                if not key.startswith("x-"):
                    yield key, self._child(key, child)

    def named(self) -> "Iterator[tuple[str, Cursor]]":
        """Yield `items` whose keys can be part of a path and of a host's name; report others.

        The schema's patterns let `..` and a line break at the end pass.
        """
        for name, child in self.items():
            if NAME.fullmatch(name):
                yield name, child
            else:
                child.invalid(
                    "a name has at most 63 characters of a-z, A-Z, 0-9, dot, dash, underscore "
                    "and begins with a letter, digit or underscore"
                )

    def entries(self) -> "Iterator[tuple[str, Cursor]]":
        """Yield all entries of a mapping whose keys are the user's own words."""
        if self.node.is_mapping:
            for key, child in self.node.value.items():
                yield key, self._child(key, child)

    def each(self) -> "Iterator[Cursor]":
        """Yield the items of a list; a single value is a list of itself."""
        if self.node.is_list:
            for number, child in enumerate(self.node.value):
                yield Cursor(child, f"{self.path}[{number}]", self.findings, child.place)
        elif self.node.value is not None:
            yield self

    @property
    def text(self) -> str:
        return text_of(self.node.value)

    def text_at(self, key: str) -> str | None:
        child = self.get(key)
        return None if child is None else child.text

    def flag(self, key: str) -> bool:
        """Return a boolean, false if it is not there; what is none is reported."""
        child = self.get(key)
        return child is not None and child.parse(parse_boolean, default=False)

    def parse(self, function: Callable[[object], T], default: T) -> T:
        """Return what the function makes of the value; its ValueError is reported here."""
        try:
            return function(self.node.value)
        except ValueError as error:
            self.invalid(str(error))
            return default

    def parse_at(self, key: str, function: Callable[[object], T], default: T) -> T:
        child = self.get(key)
        return default if child is None else child.parse(function, default)

    def unsafe(self, message: str, hint: str | None = None) -> None:
        self.findings.refuse(Refusal.UNSAFE, self.path, self.place, message, hint)

    def unsupported(self, message: str, hint: str | None = None) -> None:
        self.findings.refuse(Refusal.UNSUPPORTED, self.path, self.place, message, hint)

    def invalid(self, message: str, hint: str | None = None) -> None:
        self.findings.refuse(Refusal.INVALID, self.path, self.place, message, hint)

    def note(self, message: str) -> None:
        self.findings.note(self.path, self.place, message)

    def refuse_but(self, allowed: frozenset[str], message: str) -> None:
        """Refuse every entry of a mapping whose key is not one of these."""
        for key, child in self.items():
            if key not in allowed:
                child.unsupported(message)

    def _child(self, key: str, child: Node) -> "Cursor":
        path = f"{self.path}.{key}" if self.path else key
        return Cursor(child, path, self.findings, self.node.keys.get(key, child.place))
