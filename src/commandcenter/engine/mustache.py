"""Mustache, parsed: the public spec without partials, into a flat list of operations.

Why not a library: those at hand call functions and read attributes of values, recurse per section,
render what is missing as nothing, and bound neither their work nor their output.
"""

import re
from dataclasses import dataclass
from enum import Enum, auto

MAX_SECTION_DEPTH = 32
MAX_TEMPLATE_CHARACTERS = 1024 * 1024
MAX_TAG_CHARACTERS = 500
_SHOWN = 60
_NAME = re.compile(r"\S+")
_REFUSED = {
    ">": "partials ({{>name}}) are not available in workflows",
    "<": "template inheritance ({{<name}}) is not available in workflows",
    "$": "template inheritance ({{$name}}) is not available in workflows",
}


class TemplateSyntaxError(ValueError):
    """The template cannot be parsed. `offset` counts characters from the template's start."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


class Op(Enum):
    TEXT = auto()
    VALUE = auto()
    RAW_VALUE = auto()
    SECTION = auto()
    INVERTED = auto()
    END = auto()


@dataclass(slots=True)
class Operation:
    """One step of rendering. `name` is a path of keys; () is the implicit iterator `.`."""

    op: Op
    text: str = ""
    name: tuple[str, ...] = ()
    offset: int = 0
    depth: int = 0  # sections around it
    jump: int = 0  # of a section: index of its END; of an END: index of its section


@dataclass(frozen=True, slots=True)
class Template:
    operations: tuple[Operation, ...]

    @property
    def is_one_tag(self) -> bool:
        """Whether the whole text is one interpolation, whose value keeps its JSON type."""
        return len(self.operations) == 1 and self.operations[0].op in (Op.VALUE, Op.RAW_VALUE)


def parse_template(text: str) -> Template:
    """Parse; TemplateSyntaxError says what is wrong and where. Takes time linear in the text."""
    if len(text) > MAX_TEMPLATE_CHARACTERS:
        raise TemplateSyntaxError(
            f"the template is longer than {MAX_TEMPLATE_CHARACTERS:,} characters", 0
        )
    if "{{" not in text:
        return Template((Operation(Op.TEXT, text),) if text else ())
    return _Parser(text).parse()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0
        self._open_delimiter = "{{"
        self._close_delimiter = "}}"
        self._operations: list[Operation] = []
        self._sections: list[int] = []

    def parse(self) -> Template:
        while True:
            start = self._text.find(self._open_delimiter, self._position)
            if start < 0:
                self._add_text(self._position, len(self._text))
                break
            self._tag(start)
        if self._sections:
            section = self._operations[self._sections[-1]]
            raise TemplateSyntaxError(
                f"the section {{{{#{'.'.join(section.name) or '.'}}}}} is not closed",
                section.offset,
            )
        return Template(tuple(self._operations))

    def _tag(self, start: int) -> None:
        inner = start + len(self._open_delimiter)
        sigil = self._text[inner : inner + 1]
        close = self._close_delimiter
        if sigil == "{":
            close = "}" + close
        elif sigil == "=":
            close = "=" + close
        end = self._text.find(close, inner + (1 if sigil in ("{", "=") else 0))
        if end < 0:
            raise TemplateSyntaxError(f"the tag {self._shown(start)} is not closed", start)
        after = end + len(close)
        text_end, next_position = start, after
        if sigil in ("#", "^", "/", "!", "=") or sigil in _REFUSED:
            text_end, next_position = self._standalone(start, after)
        self._add_text(self._position, text_end)
        self._position = next_position
        if sigil == "!":
            return
        if end - inner > MAX_TAG_CHARACTERS:
            raise TemplateSyntaxError(f"the tag {self._shown(start)} is too long", start)
        if sigil in _REFUSED:
            raise TemplateSyntaxError(_REFUSED[sigil], start)
        if sigil == "=":
            self._set_delimiters(self._text[inner + 1 : end], start)
            return
        content = self._text[inner:end]
        self._named(sigil, content[1:] if sigil in ("{", "&", "#", "^", "/") else content, start)

    def _named(self, sigil: str, content: str, start: int) -> None:
        name = self._name(content, start)
        depth = len(self._sections)
        if sigil in ("#", "^"):
            if depth >= MAX_SECTION_DEPTH:
                raise TemplateSyntaxError(
                    f"sections are nested more than {MAX_SECTION_DEPTH} deep", start
                )
            self._sections.append(len(self._operations))
            op = Op.SECTION if sigil == "#" else Op.INVERTED
            self._operations.append(Operation(op, name=name, offset=start, depth=depth))
        elif sigil == "/":
            self._close(name, start)
        else:
            op = Op.RAW_VALUE if sigil in ("{", "&") else Op.VALUE
            self._operations.append(Operation(op, name=name, offset=start, depth=depth))

    def _close(self, name: tuple[str, ...], start: int) -> None:
        shown = ".".join(name) or "."
        if not self._sections:
            raise TemplateSyntaxError(f"{{{{/{shown}}}}} closes a section that is not open", start)
        opened = self._sections.pop()
        section = self._operations[opened]
        if section.name != name:
            expected = ".".join(section.name) or "."
            raise TemplateSyntaxError(
                f"{{{{/{shown}}}}} stands where {{{{/{expected}}}}} is expected", start
            )
        section.jump = len(self._operations)
        self._operations.append(Operation(Op.END, name=name, offset=start, jump=opened))

    def _name(self, content: str, start: int) -> tuple[str, ...]:
        stripped = content.strip()
        if stripped == ".":
            return ()
        if not _NAME.fullmatch(stripped):
            reason = "has no name" if not stripped else "has white space in its name"
            raise TemplateSyntaxError(f"the tag {self._shown(start)} {reason}", start)
        parts = tuple(stripped.split("."))
        if not all(parts):
            raise TemplateSyntaxError(f'"{stripped}" has an empty part between its dots', start)
        return parts

    def _set_delimiters(self, content: str, start: int) -> None:
        parts = content.split()
        if len(parts) != 2 or any("=" in part for part in parts):  # noqa: PLR2004 - open, close
            raise TemplateSyntaxError(
                "a set-delimiter tag looks like {{=<% %>=}}: two words without =", start
            )
        self._open_delimiter, self._close_delimiter = parts

    def _standalone(self, start: int, after: int) -> tuple[int, int]:
        """Return where the text before ends and the text after begins.

        A tag alone on its line takes the line with it, its indentation and its line end.
        """
        line_start = start
        while line_start > self._position and self._text[line_start - 1] in " \t":
            line_start -= 1
        if line_start == self._position and not self._at_line_start(line_start):
            return start, after
        if line_start > self._position and self._text[line_start - 1] != "\n":
            return start, after
        line_end = after
        while self._text[line_end : line_end + 1] in (" ", "\t"):
            line_end += 1
        rest = self._text[line_end : line_end + 2]
        if rest == "":
            return line_start, line_end
        if rest == "\r\n":
            return line_start, line_end + 2
        if rest[0] == "\n":
            return line_start, line_end + 1
        return start, after

    def _at_line_start(self, position: int) -> bool:
        return position == 0 or self._text[position - 1] == "\n"

    def _add_text(self, start: int, end: int) -> None:
        if end > start:
            self._operations.append(Operation(Op.TEXT, self._text[start:end], offset=start))

    def _shown(self, start: int) -> str:
        tag = self._text[start : start + _SHOWN].split("\n", 1)[0]
        return f'"{tag}"'
