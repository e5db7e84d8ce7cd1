"""Reading typed values out of a source tree while collecting every problem on the way."""

import re
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import TypeVar

from commandcenter.engine.durations import parse_duration
from commandcenter.engine.issues import MAX_ISSUES, Issue, did_you_mean, quoted
from commandcenter.engine.source import Node

MAX_LIST = 1_000
MAX_DESCRIPTION = 4_000
Choice = TypeVar("Choice", bound=StrEnum)


class Check:
    """Collects issues. Each reader returns None after it has added what is wrong."""

    def __init__(self) -> None:
        self.issues: list[Issue] = []

    def add(self, path: str, node: Node, message: str, hint: str | None = None) -> None:
        self.issues.append(Issue(path, node.line, node.column, message, hint))

    def guess(self, word: str, known: Iterable[str]) -> str | None:
        """Return a hint for a word that is not known; none once there are issues enough."""
        return did_you_mean(word, known) if len(self.issues) < MAX_ISSUES else None

    def wrong_kind(self, path: str, node: Node, expected: str, hint: str | None = None) -> None:
        self.add(path, node, f"expected {expected}, found {node.kind}", hint)

    def mapping(
        self,
        node: Node,
        path: str,
        known: Sequence[str] | None = None,
        required: Sequence[str] = (),
    ) -> dict[str, Node] | None:
        """Return the members; with `known`, report and leave out every other key."""
        if not isinstance(node.value, dict):
            self.wrong_kind(path, node, "a mapping")
            return None
        members: dict[str, Node] = node.value
        prefix = f"{path}." if path else ""
        if known is not None:
            for key, child in members.items():
                if key not in known:
                    place = (node.keys or {}).get(key, child)
                    hint = self.guess(key, known) or "known here: " + ", ".join(known)
                    self.add(f"{prefix}{key[:100]}", place, f"unknown key {quoted(key)}", hint)
            members = {key: child for key, child in members.items() if key in known}
        for key in required:
            if key not in members:
                self.add(path, node, f'"{key}" is missing')
        return members

    def items(self, node: Node, path: str, most: int = MAX_LIST) -> list[Node]:
        if not isinstance(node.value, list):
            self.wrong_kind(path, node, "a list")
            return []
        if len(node.value) > most:
            self.add(path, node, f"the list has {len(node.value):,} items; the most is {most:,}")
        return node.value[:most]

    def text(self, node: Node | None, path: str, *, most: int = MAX_DESCRIPTION) -> str | None:
        if node is None:
            return None
        if not isinstance(node.value, str):
            hint = None if isinstance(node.value, dict | list) else "put it in quotes"
            self.wrong_kind(path, node, "a string", hint)
            return None
        if not node.value.strip():
            self.add(path, node, "must not be empty")
            return None
        if len(node.value) > most:
            self.add(path, node, f"longer than {most:,} characters")
            return None
        return node.value

    def name(
        self, node: Node | None, path: str, pattern: re.Pattern[str], what: str, form: str
    ) -> str | None:
        text = self.text(node, path)
        if node is None or text is None:
            return None
        if not pattern.fullmatch(text):
            self.add(path, node, f"{quoted(text)} is not {what}", form)
            return None
        return text

    def integer(self, node: Node | None, path: str, low: int, high: int) -> int | None:
        if node is None:
            return None
        if not isinstance(node.value, int) or isinstance(node.value, bool):
            self.wrong_kind(path, node, "a whole number")
            return None
        if not low <= node.value <= high:
            self.add(path, node, f"must be from {low:,} to {high:,}")
            return None
        return node.value

    def number(self, node: Node | None, path: str, low: float, high: float) -> float | None:
        if node is None:
            return None
        if not isinstance(node.value, int | float) or isinstance(node.value, bool):
            self.wrong_kind(path, node, "a number")
            return None
        if not low <= node.value <= high:
            self.add(path, node, f"must be from {low:g} to {high:g}")
            return None
        return float(node.value)

    def boolean(self, node: Node | None, path: str) -> bool | None:
        if node is None:
            return None
        if not isinstance(node.value, bool):
            hint = "write true or false" if isinstance(node.value, str) else None
            self.wrong_kind(path, node, "a boolean", hint)
            return None
        return node.value

    def duration(self, node: Node | None, path: str) -> float | None:
        if node is None:
            return None
        try:
            return parse_duration(node.value)
        except ValueError as error:
            self.add(path, node, str(error))
            return None

    def choice(self, node: Node | None, path: str, choices: type[Choice]) -> Choice | None:
        text = self.text(node, path)
        if node is None or text is None:
            return None
        try:
            return choices(text)
        except ValueError:
            known = [choice.value for choice in choices]
            hint = self.guess(text, known) or "one of " + ", ".join(known)
            self.add(path, node, f"{quoted(text)} is not known here", hint)
            return None

    def strings(self, node: Node | None, path: str, what: str) -> tuple[str, ...]:
        """Return a list's strings, without repetitions; one string alone is refused with a hint."""
        if node is None:
            return ()
        if isinstance(node.value, str):
            self.add(path, node, f"expected a list of {what}", f"write [{node.value[:40]}]")
            return ()
        found: dict[str, None] = {}
        for index, item in enumerate(self.items(node, path)):
            text = self.text(item, f"{path}[{index}]")
            if text is not None and text in found:
                self.add(f"{path}[{index}]", item, f"{quoted(text)} is listed twice")
            elif text is not None:
                found[text] = None
        return tuple(found)


def joined(words: Iterable[str], most: int = 10) -> str:
    """Return the words with commas, shortened to `most` of them."""
    shown = list(words)
    rest = f" and {len(shown) - most} more" if len(shown) > most else ""
    return ", ".join(shown[:most]) + rest
