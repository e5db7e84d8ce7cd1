"""YAML text to a tree: anchors, merge keys and the two tags of Compose; all else is refused.

Built by a loop over parser events, not by recursion. Numbers and words are resolved as Compose
does (a leading zero is octal, `yes` is a word), dates stay text.
"""

import math
import re
from dataclasses import dataclass, field

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from commandcenter.stacks.compose.problems import Place
from commandcenter.stacks.compose.source import (
    MAX_DEPTH,
    OVERRIDE,
    RESET,
    Node,
    SourceError,
    mapping,
    scalar,
    sequence,
)

MAX_TEXT_BYTES = 512 * 1024
_MERGE = "<<"
_NULLS = {"", "~", "null", "Null", "NULL"}
_BOOLEANS = {"true": True, "True": True, "TRUE": True} | dict.fromkeys(
    ("false", "False", "FALSE"), False
)
_DECIMAL = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_OCTAL = re.compile(r"([-+]?)0o?([0-7]+)")
_HEXADECIMAL = re.compile(r"[-+]?0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NUMBER_STARTS = frozenset("+-.0123456789")
_MOST_DIGITS = 19  # what 64 bits hold; longer ones become floats, as in Compose
_STRING_TAG = "tag:yaml.org,2002:str"
_CORE_TAGS = {"!!str": "!!str", _STRING_TAG: "!!str", RESET: RESET, OVERRIDE: OVERRIDE}


def read_yaml(text: str, file: str) -> Node | None:
    """Return the tree, None of an empty text; SourceError names the first unreadable place."""
    if len(text.encode(errors="replace")) > MAX_TEXT_BYTES:
        raise SourceError(f"the file has more than {MAX_TEXT_BYTES:,} bytes", Place(file))
    builder = _Builder(file)
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            builder.apply(event)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        words = [part for part in (error.problem, error.context) if part]
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file, 1, 1)
        raise SourceError("not valid YAML: " + ", ".join(words), place) from None
    except (YAMLError, ValueError, OverflowError) as error:
        # The reader refuses control characters, the scanner odd numbers in directives and escapes.
        position = getattr(error, "position", 0)
        line = text.count("\n", 0, position if isinstance(position, int) else 0) + 1
        reason = str(getattr(error, "reason", error))[:200]
        raise SourceError(f"not valid YAML: {reason}", Place(file, line)) from None
    return builder.root


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end has not been reached."""

    place: Place
    tag: str
    anchor: str | None
    entries: dict[str, Node] | None  # None: a list
    items: list[Node] = field(default_factory=list)
    keys: dict[str, Place] = field(default_factory=dict)
    merged: list[Node] = field(default_factory=list)
    key: str | None = None


class _Builder:
    def __init__(self, file: str) -> None:
        self._file = file
        self._stack: list[_Open] = []
        self._anchors: dict[str, Node | None] = {}  # None: still open
        self._documents = 0
        self.root: Node | None = None

    def apply(self, event: Event) -> None:
        place = self._place(event)
        if isinstance(event, DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise SourceError(
                    "more than one document in a file", place, "write one per file", supported=False
                )
        elif isinstance(event, AliasEvent):
            self._alias(event, place)
        elif isinstance(event, ScalarEvent):
            tag = self._tag(event, place)
            if "\0" in event.value:
                raise SourceError("a text cannot hold a NUL character", place)
            value = event.value if tag == "!!str" else _resolve(event, place)
            if self._expects_key():
                self._open_key(event, value, place)
                return
            node = scalar(value, place, tag if tag != "!!str" else "")
            if event.anchor is not None:
                self._anchors[event.anchor] = node
            self._add(node)
        elif isinstance(event, MappingStartEvent | SequenceStartEvent):
            self._open(event, place)
        elif isinstance(event, MappingEndEvent | SequenceEndEvent):
            self._close()

    def _alias(self, event: AliasEvent, place: Place) -> None:
        if event.anchor not in self._anchors:
            raise SourceError(f"the alias *{event.anchor} names no anchor before it", place)
        known = self._anchors[event.anchor]
        if known is None:
            raise SourceError("an alias may not contain itself", place)
        if self._expects_key():
            raise SourceError("a key must be written out, not an alias", place)
        self._add(known)

    def _open(self, event: MappingStartEvent | SequenceStartEvent, place: Place) -> None:
        if self._expects_key():
            raise SourceError("a key must be a string, not a list or a mapping", place)
        if len(self._stack) >= MAX_DEPTH:
            raise SourceError(f"nested more than {MAX_DEPTH} levels deep", place)
        tag = self._tag(event, place)
        if tag == "!!str":
            raise SourceError("the tag !!str is for scalars", place)
        entries: dict[str, Node] | None = {} if isinstance(event, MappingStartEvent) else None
        self._stack.append(_Open(place, tag, event.anchor, entries))
        if event.anchor is not None:
            self._anchors[event.anchor] = None

    def _open_key(self, event: ScalarEvent, value: object, place: Place) -> None:
        parent = self._stack[-1]
        if event.anchor is not None:
            self._anchors[event.anchor] = scalar(value, place)
        # Compose takes keys as they are written: 8080, on and null are names like any other.
        key: str = event.value
        if key == _MERGE and event.style in (None, ""):
            parent.key = _MERGE
            return
        if key in parent.keys:
            raise SourceError(
                f'the key "{key[:100]}" is there twice',
                place,
                f"the first one is in line {parent.keys[key].line}",
            )
        parent.keys[key] = place
        parent.key = key

    def _close(self) -> None:
        top = self._stack.pop()
        if top.entries is None:
            node = sequence(top.items, top.place, top.tag)
        else:
            entries = dict(top.entries)
            keys = dict(top.keys)
            for other in top.merged:  # what is written here wins, then the first merged
                for key, child in other.value.items():
                    if key not in entries:
                        entries[key] = child
                        keys[key] = other.keys.get(key, child.place)
            node = mapping(entries, top.place, keys, top.tag)
        if top.anchor is not None:
            self._anchors[top.anchor] = node
        self._add(node)

    def _add(self, node: Node) -> None:
        if not self._stack:
            self.root = node
            return
        parent = self._stack[-1]
        if parent.entries is None:
            parent.items.append(node)
        elif parent.key == _MERGE and _MERGE not in parent.keys:
            self._merge(parent, node)
        elif parent.key is not None:
            parent.entries[parent.key] = node
        parent.key = None

    @staticmethod
    def _merge(parent: _Open, node: Node) -> None:
        sources = node.value if node.is_list else [node]
        for source in sources:
            if not source.is_mapping:
                raise SourceError(
                    f"a merge key (<<) takes mappings, not {source.kind}", source.place
                )
            parent.merged.append(source)

    def _expects_key(self) -> bool:
        if not self._stack:
            return False
        top = self._stack[-1]
        return top.entries is not None and top.key is None

    def _tag(
        self, event: ScalarEvent | MappingStartEvent | SequenceStartEvent, place: Place
    ) -> str:
        name = str(event.ctag) if event.ctag is not None else ""
        if name in ("", "None", "!"):
            return ""
        tag = _CORE_TAGS.get(name)
        if tag is None:
            raise SourceError(
                f"the tag {name[:60]} is not one of Compose", place, "it knows !reset and !override"
            )
        return tag

    def _place(self, event: Event) -> Place:
        mark = event.start_mark
        return Place(self._file, mark.line + 1, mark.column + 1) if mark else Place(self._file, 1)


def _resolve(event: ScalarEvent, place: Place) -> object:
    text: str = event.value
    if event.style not in (None, ""):
        return text
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    number = _number(text)
    if isinstance(number, float) and not math.isfinite(number):
        raise SourceError("the number is too large", place, "put it in quotes to make it text")
    return text if number is None else number


def _number(text: str) -> int | float | None:
    if text[:1] not in _NUMBER_STARTS:
        return None
    text = text.replace("_", "")
    if text == "-0":
        return -0.0
    if len(text) <= _MOST_DIGITS:
        octal = _OCTAL.fullmatch(text)
        if octal:
            return int(octal[1] + octal[2], 8)
        if _DECIMAL.fullmatch(text):
            return int(text)
        if _HEXADECIMAL.fullmatch(text):
            return int(text, 16)
    return float(text) if _FLOAT.fullmatch(text) else None
