"""Templates in a JSON tree: Mustache per the public spec, strict about what it refers to.

A string that is one whole tag becomes the value itself, with its JSON type and unescaped. Elsewhere
`{{name}}` is HTML-escaped and `{{{name}}}` is not, as the spec says. A name that starts with one
of `ROOTS` must exist: a missing one is an error, not nothing. Rendering always ends: the number of
operations, the depth and the size of the result are bounded.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Final

from commandcenter.engine.context import ROOTS
from commandcenter.engine.issues import did_you_mean, quoted
from commandcenter.engine.mustache import (
    Op,
    Operation,
    Template,
    TemplateSyntaxError,
    parse_template,
)
from commandcenter.kit.errors import ProblemError

MAX_OUTPUT_CHARACTERS = 8 * 1024 * 1024
MAX_OPERATIONS = 1_000_000
MAX_TREE_DEPTH = 64
_MISSING: Final = object()
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}
_TO_ESCAPE = re.compile('[&<>"]')


class TemplateError(ProblemError):
    """A template cannot be rendered with this context."""

    code: ClassVar[str] = "template_failed"
    status: ClassVar[int] = 422
    title: ClassVar[str] = "A template could not be rendered"


@dataclass(frozen=True, slots=True)
class TagName:
    """A name in a template. `section_depth` > 0: it may mean a key of the section's item."""

    parts: tuple[str, ...]
    offset: int
    section_depth: int


@dataclass(slots=True)
class _Budget:
    characters: int = MAX_OUTPUT_CHARACTERS
    operations: int = MAX_OPERATIONS


def template_names(text: str) -> tuple[TagName, ...]:
    """Return every name the template uses, sections included; TemplateSyntaxError if malformed."""
    return tuple(
        TagName(operation.name, operation.offset, operation.depth)
        for operation in _parsed(text).operations
        if operation.op not in (Op.TEXT, Op.END)
    )


def references(tree: Any) -> set[str]:
    """Return the dotted names below `ROOTS` that the tree's templates use."""
    return {
        ".".join(tag.parts)
        for text in _strings(tree)
        for tag in template_names(text)
        if tag.parts and tag.parts[0] in ROOTS
    }


def render_text(text: str, context: Mapping[str, Any]) -> str:
    """Render as text, a whole tag included; TemplateError if it cannot be."""
    return _render(_parse_or_fail(text), context, _Budget())


def render_tree(tree: Any, context: Mapping[str, Any]) -> Any:
    """Return the JSON tree with every string rendered; keys are left as they are.

    TemplateError names the place in the tree and the reference. The tree itself may be at most
    `MAX_TREE_DEPTH` deep; the size limit holds for all its strings and values together.
    """
    return _render_value(tree, context, _Budget(), "", 0)


def _render_value(
    tree: Any, context: Mapping[str, Any], budget: _Budget, path: str, depth: int
) -> Any:
    if depth > MAX_TREE_DEPTH:
        raise TemplateError(f"The value at {path[:200]} is nested more than {MAX_TREE_DEPTH} deep.")
    if isinstance(tree, str):
        try:
            return _render_string(tree, context, budget)
        except TemplateError as error:
            if not path:
                raise
            where = path.lstrip(".")
            raise TemplateError(f"{where}: {error.detail}", hint=error.hint) from error
    if isinstance(tree, Mapping):
        return {
            key: _render_value(value, context, budget, f"{path}.{key}", depth + 1)
            for key, value in tree.items()
        }
    if isinstance(tree, list | tuple):
        return [
            _render_value(value, context, budget, f"{path}[{index}]", depth + 1)
            for index, value in enumerate(tree)
        ]
    return tree


def _render_string(text: str, context: Mapping[str, Any], budget: _Budget) -> Any:
    template = _parse_or_fail(text)
    if template.is_one_tag:
        operation = template.operations[0]
        value = _lookup(operation, [context])
        if value is _MISSING:
            return ""
        if not isinstance(value, int | float | None):
            _spend(budget, len(value) if isinstance(value, str) else len(_as_text(value)))
        return value
    return _render(template, context, budget)


def _render(  # noqa: PLR0912 - one per operation
    template: Template, context: Mapping[str, Any], budget: _Budget
) -> str:
    """Run the operations; open sections are a list of (section, items, next item)."""
    pieces: list[str] = []
    stack: list[Any] = [context]
    loops: list[tuple[int, list[Any], int]] = []
    index = 0
    operations = template.operations
    while index < len(operations):
        budget.operations -= 1
        if budget.operations < 0:
            raise TemplateError(f"The template needs more than {MAX_OPERATIONS:,} operations.")
        operation = operations[index]
        if operation.op is Op.TEXT:
            _emit(pieces, budget, operation.text)
        elif operation.op is Op.END:
            section, items, following = loops[-1]
            if following < len(items):
                loops[-1] = (section, items, following + 1)
                stack[-1] = items[following]
                index = section
            else:
                loops.pop()
                if operations[section].op is Op.SECTION:
                    stack.pop()
        elif operation.op in (Op.SECTION, Op.INVERTED):
            items = _items(_lookup(operation, stack))
            if operation.op is Op.INVERTED:
                if items:
                    index = operation.jump
                else:
                    loops.append((index, [], 0))
            elif items:
                loops.append((index, items, 1))
                stack.append(items[0])
            else:
                index = operation.jump
        else:
            value = _lookup(operation, stack)
            text = "" if value is _MISSING else _as_text(value)
            _emit(pieces, budget, text if operation.op is Op.RAW_VALUE else _escape(text))
        index += 1
    return "".join(pieces)


def _items(value: Any) -> list[Any]:
    """Return what a section goes through: a list's items, else the value itself if truthy."""
    if isinstance(value, list | tuple):
        return list(value)
    if value is _MISSING or value is None or value is False or value in ("", 0):
        return []
    return [value]


def _lookup(operation: Operation, stack: list[Any]) -> Any:
    """Find the name: its first part in the innermost context that has it, then downwards only."""
    if not operation.name:
        return stack[-1]
    first = operation.name[0]
    value: Any = _MISSING
    rooted = first in ROOTS
    for frame in range(len(stack) - 1, -1, -1):
        value = _child(stack[frame], first)
        if value is not _MISSING:
            rooted = rooted and frame == 0
            break
    known = stack[0] if value is _MISSING else value
    reached = 1
    while value is not _MISSING and reached < len(operation.name):
        known = value
        value = _child(value, operation.name[reached])
        reached += 1
    strict = rooted and operation.op in (Op.VALUE, Op.RAW_VALUE)
    if value is _MISSING and strict:
        raise _missing(operation.name, reached, known)
    return value


def _child(value: Any, key: str) -> Any:
    if isinstance(value, Mapping):
        return value.get(key, _MISSING)
    if isinstance(value, list | tuple) and key.isascii() and key.isdigit() and len(key) < 10:  # noqa: PLR2004 - an index, not a number as long as the text
        position = int(key)
        return value[position] if position < len(value) else _MISSING
    return _MISSING


def _missing(name: tuple[str, ...], reached: int, known: Any) -> TemplateError:
    parent = ".".join(name[: reached - 1])
    where = f"{parent} has no {quoted(name[reached - 1])}" if parent else "it is not available"
    hint = None
    if isinstance(known, Mapping):
        hint = did_you_mean(name[reached - 1], [str(key) for key in list(known)[:1000]])
    elif known is None and parent:
        where = f"{parent} is null"
    return TemplateError(
        f"The template refers to {'.'.join(name)}, but {where}.",
        hint=hint or "In a section, {{#name}}...{{/name}}, what is missing counts as false.",
    )


def _emit(pieces: list[str], budget: _Budget, text: str) -> None:
    _spend(budget, len(text))
    pieces.append(text)


def _spend(budget: _Budget, characters: int) -> None:
    budget.characters -= characters
    if budget.characters < 0:
        raise TemplateError(
            f"The result has more than {MAX_OUTPUT_CHARACTERS:,} characters.",
            hint="Hand large data over as an artifact.",
        )


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except RecursionError:
        raise TemplateError("A value in the template is nested too deep to be written.") from None


def _escape(text: str) -> str:
    return _TO_ESCAPE.sub(lambda match: _ESCAPES[match[0]], text)


def _strings(tree: Any) -> Iterator[str]:
    waiting = [tree]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            waiting.extend(value.values())
        elif isinstance(value, list | tuple):
            waiting.extend(value)


@lru_cache(maxsize=256)
def _cached(text: str) -> Template:
    return parse_template(text)


def _parsed(text: str) -> Template:
    # Long texts are data more often than templates: do not keep them in memory.
    return _cached(text) if len(text) <= 2_000 else parse_template(text)  # noqa: PLR2004


def _parse_or_fail(text: str) -> Template:
    try:
        return _parsed(text)
    except TemplateSyntaxError as error:
        raise TemplateError(f"The template is malformed: {error}.") from error
