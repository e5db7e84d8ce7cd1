"""YAML 1.2, core schema: read events, build the tree, resolve scalars ourselves.

Scalars are resolved here because the library still turns dates and other words into objects that
JSON does not have; `yes` and `on` are words, as YAML 1.2 says.
"""

import re

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, StringMark, YAMLError
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

from commandcenter.engine.numbers import FLOAT, INTEGER, parse_float, parse_integer
from commandcenter.engine.source import Node, SourceError, TreeBuilder

_NULLS = {"", "~", "null", "Null", "NULL"}
_BOOLEANS = {
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
_NOT_NUMBERS = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_NO_TAGS = "tags are not supported"


def read_yaml(text: str) -> Node:
    """Return the tree; SourceError names the place of the first thing that cannot be read."""
    builder = TreeBuilder()
    anchors: dict[str, Node] = {}
    documents = 0
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    line, column = _place(event)
                    raise SourceError("more than one document", line, column, "write one per file")
            else:
                _apply(builder, anchors, event)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        words = [part for part in (error.problem, error.context) if part]
        raise SourceError(
            "not valid YAML: " + ", ".join(words),
            mark.line + 1 if mark else 1,
            mark.column + 1 if mark else 1,
        ) from None
    except (YAMLError, ValueError, OverflowError) as error:
        # The reader refuses control characters, the scanner odd numbers in directives and escapes.
        position = getattr(error, "position", None)
        line, column = _line_and_column(text, position if isinstance(position, int) else 0)
        reason = str(getattr(error, "reason", error))
        raise SourceError(f"not valid YAML: {reason[:200]}", line, column) from None
    if builder.root is None:
        raise SourceError("the text is empty", 1, 1)
    return builder.root


def _apply(builder: TreeBuilder, anchors: dict[str, Node], event: Event) -> None:
    line, column = _place(event)
    if isinstance(event, AliasEvent):
        known = anchors.get(event.anchor)
        if known is None:
            raise SourceError(f"the alias *{event.anchor} names no anchor before it", line, column)
        builder.alias(known, line, column)
        return
    if isinstance(event, MappingEndEvent | SequenceEndEvent):
        builder.close()
        return
    if not isinstance(event, ScalarEvent | MappingStartEvent | SequenceStartEvent):
        return  # the ends of the stream and of the document
    if event.ctag is not None and str(event.ctag) not in ("None", ""):
        raise SourceError(f"{_NO_TAGS}: {str(event.ctag)[:40]}", line, column)
    if isinstance(event, ScalarEvent):
        node = builder.scalar(_scalar(event, line, column), line, column)
    elif isinstance(event, MappingStartEvent):
        node = builder.open({}, line, column)
    else:
        node = builder.open([], line, column)
    if event.anchor is not None:
        anchors[event.anchor] = node


def _scalar(event: ScalarEvent, line: int, column: int) -> object:
    text: str = event.value
    if event.style not in (None, ""):
        _check_unicode(text, line, column)
        return text
    if text == "<<":
        raise SourceError(
            "merge keys (<<) are not part of YAML 1.2", line, column, "write the keys out"
        )
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    try:
        if INTEGER.fullmatch(text):
            return parse_integer(text)
        if FLOAT.fullmatch(text):
            return parse_float(text)
    except ValueError as error:
        raise SourceError(str(error), line, column, "put it in quotes to make it text") from None
    if _NOT_NUMBERS.fullmatch(text):
        raise SourceError(f"{text} is not a JSON number", line, column)
    _check_unicode(text, line, column)
    return text


def _check_unicode(text: str, line: int, column: int) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise SourceError("not valid Unicode text: a lone surrogate", line, column) from None


def _place(event: Event) -> tuple[int, int]:
    mark: StringMark | None = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


def _line_and_column(text: str, position: int) -> tuple[int, int]:
    return text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position)
