"""JSON (RFC 8259) with places. A loop, so that no depth of brackets can exhaust the stack."""

import re
from json import JSONDecodeError
from json.decoder import scanstring  # type: ignore[attr-defined]

from commandcenter.engine.numbers import parse_float, parse_integer
from commandcenter.engine.source import Node, SourceError, TreeBuilder

_SPACE = re.compile(r"[ \t\r\n]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_WORDS = {"true": True, "false": False, "null": None}
_WORD = re.compile("true|false|null")


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self._line = 1
        self._line_start = 0
        self._counted = 0

    def skip_space(self) -> str:
        match = _SPACE.match(self.text, self.position)
        if match:
            self.position = match.end()
        return self.text[self.position : self.position + 1]

    def place(self) -> tuple[int, int]:
        """Return line and column of the position; it only ever moves forward."""
        lines = self.text.count("\n", self._counted, self.position)
        if lines:
            self._line += lines
            self._line_start = self.text.rfind("\n", 0, self.position) + 1
        self._counted = self.position
        return self._line, self.position - self._line_start + 1

    def fail(self, expected: str) -> SourceError:
        line, column = self.place()
        found = self.text[self.position : self.position + 1]
        got = f'"{found}"' if found else "the end of the text"
        return SourceError(f"not valid JSON: expected {expected}, found {got}", line, column)

    def scalar(self) -> object:
        char = self.text[self.position : self.position + 1]
        if char == '"':
            return self._string()
        if match := _WORD.match(self.text, self.position):
            self.position = match.end()
            return _WORDS[match[0]]
        number = _NUMBER.match(self.text, self.position)
        if number is None:
            raise self.fail("a value")
        try:
            value = parse_float(number[0]) if number[1] or number[2] else parse_integer(number[0])
        except ValueError as error:
            line, column = self.place()
            raise SourceError(str(error), line, column) from None
        self.position = number.end()
        return value

    def _string(self) -> str:
        line, column = self.place()
        try:
            value, end = scanstring(self.text, self.position + 1, True)
            value.encode()
        except JSONDecodeError as error:
            raise SourceError(f"not valid JSON: {error.msg}", line, column) from None
        except UnicodeEncodeError:
            raise SourceError("not valid Unicode text: a lone surrogate", line, column) from None
        self.position = end
        return str(value)


def read_json(text: str) -> Node:
    """Return the tree; SourceError names the place of the first thing that cannot be read."""
    reader = _Reader(text)
    builder = TreeBuilder()
    closers: list[str] = []
    while True:
        if _value(reader, builder, closers):
            continue
        if not _after_value(reader, builder, closers):
            break
    if reader.skip_space():
        raise reader.fail("the end of the text")
    if builder.root is None:  # pragma: no cover - a value was read
        raise reader.fail("a value")
    return builder.root


def _value(reader: _Reader, builder: TreeBuilder, closers: list[str]) -> bool:
    """Read a value; True if it opened a container whose first value comes next."""
    char = reader.skip_space()
    line, column = reader.place()
    if char not in ("{", "["):
        builder.scalar(reader.scalar(), line, column)
        return False
    reader.position += 1
    builder.open({} if char == "{" else [], line, column)
    closer = "}" if char == "{" else "]"
    if reader.skip_space() == closer:
        reader.position += 1
        builder.close()
        return False
    closers.append(closer)
    _key(reader, builder, closer)
    return True


def _after_value(reader: _Reader, builder: TreeBuilder, closers: list[str]) -> bool:
    """Close what ends here; True if another value follows, False at the end of the root."""
    while closers:
        char = reader.skip_space()
        if char == ",":
            reader.position += 1
            _key(reader, builder, closers[-1])
            return True
        if char != closers[-1]:
            raise reader.fail(f'"," or "{closers[-1]}"')
        reader.position += 1
        closers.pop()
        builder.close()
    return False


def _key(reader: _Reader, builder: TreeBuilder, closer: str) -> None:
    if closer != "}":
        return
    if reader.skip_space() != '"':
        raise reader.fail("a key in double quotes")
    line, column = reader.place()
    builder.scalar(reader.scalar(), line, column)
    if reader.skip_space() != ":":
        raise reader.fail('":"')
    reader.position += 1
