"""Env files: NAME=value lines with Compose's rules for quotes, comments and variables."""

import re
from collections.abc import Mapping

from commandcenter.stacks.compose.interpolation import (
    InterpolationError,
    Interpolator,
    Lookup,
)

MAX_CHARACTERS = 4 * 1024 * 1024
_BLANK = " \t\v\f\r\x85\xa0"  # white space that does not end a line
_NAME = re.compile(r"[\w.\-\[\]]+")
_EXPORT = re.compile(rf"export[{_BLANK}]+")
_ESCAPE = re.compile(r"\\(?:[abcfnrtv$\"\\]|0\d{0,3})")
_ESCAPED = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    '"': '"',
    "\\": "\\",
    "$": "$$",  # a dollar sign that is no variable
}


class EnvFileError(ValueError):
    """The text is no env file; `line` counts from 1. The message holds nothing of the text."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


def parse_env_file(text: str, lookup: Lookup, *, raw: bool = False) -> dict[str, str]:
    """Return the variables in the order of the file; EnvFileError names the line.

    `lookup` gives values from outside, which win over earlier lines of the file; a name without
    `=` takes its value from there, or is left out. `raw`: values are taken as they stand.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    if "\0" in text:
        raise EnvFileError("a NUL character", text.count("\n", 0, text.index("\0")) + 1)
    if raw:
        return _parse_raw(text, lookup)
    values: dict[str, str] = {}
    position = 0
    characters = 0
    while True:
        position = _skip(text, position)
        if position >= len(text):
            return values
        line = text.count("\n", 0, position) + 1
        export = _EXPORT.match(text, position)
        if export:
            position = export.end()
        name = _NAME.match(text, position)
        if name is None:
            raise EnvFileError("the line does not begin with the name of a variable", line)
        position = _over_blanks(text, name.end())
        if position >= len(text) or text[position] == "\n":
            inherited = lookup(name[0])
            if inherited is not None:
                values[name[0]] = inherited
            continue
        if text[position] not in "=:":
            raise EnvFileError("a name is followed by neither = nor :", line)
        values[name[0]], position = _value(
            text, _over_blanks(text, position + 1), values, lookup, line
        )
        characters += len(values[name[0]])
        if characters > MAX_CHARACTERS:
            raise EnvFileError(f"more than {MAX_CHARACTERS:,} characters of values", line)


def _value(
    text: str, position: int, values: Mapping[str, str], lookup: Lookup, line: int
) -> tuple[str, int]:
    if text[position : position + 1] in ("'", '"'):
        return _quoted(text, position, values, lookup, line)
    end = text.find("\n", position)
    end = len(text) if end < 0 else end
    value = text[position:end].split(" #", 1)[0].rstrip()
    return _expand(value, values, lookup, line), end


def _quoted(
    text: str, position: int, values: Mapping[str, str], lookup: Lookup, line: int
) -> tuple[str, int]:
    quote = text[position]
    characters: list[str] = []
    index = position + 1
    while index < len(text):
        character = text[index]
        if character == quote:
            value = "".join(characters)
            if quote == '"':
                value = _expand(_ESCAPE.sub(_unescape, value), values, lookup, line)
            return value, index + 1
        if character == "\\" and index + 1 < len(text):
            following = text[index + 1]
            characters.append(following if following == quote else "\\" + following)
            index += 2
            continue
        characters.append(character)
        index += 1
    raise EnvFileError("a quoted value has no end", line)


def _unescape(match: re.Match[str]) -> str:
    word = match[0][1:]
    if word[0] == "0":
        digits = word[1:]
        return chr(int(digits, 8)) if re.fullmatch(r"[0-3][0-7]{2}", digits) else match[0]
    return _ESCAPED.get(word, match[0])


def _expand(value: str, values: Mapping[str, str], lookup: Lookup, line: int) -> str:
    def find(name: str) -> str | None:
        outside = lookup(name)
        return values.get(name) if outside is None else outside

    try:
        return Interpolator(find).substitute(value)
    except InterpolationError as error:
        raise EnvFileError(str(error), line) from None


def _skip(text: str, position: int) -> int:
    """Return where the next statement begins: past white space and comment lines."""
    while position < len(text):
        if text[position].isspace():
            position += 1
        elif text[position] == "#":
            end = text.find("\n", position)
            position = len(text) if end < 0 else end
        else:
            break
    return position


def _over_blanks(text: str, position: int) -> int:
    while position < len(text) and text[position] in _BLANK:
        position += 1
    return position


def _parse_raw(text: str, lookup: Lookup) -> dict[str, str]:
    values: dict[str, str] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        stripped = line.lstrip()
        if not stripped or stripped.startswith("#"):
            continue
        name, equals, value = stripped.partition("=")
        if not name or name != name.strip():
            raise EnvFileError("the line does not begin with the name of a variable", number)
        if equals:
            values[name] = value
        else:
            inherited = lookup(name)
            if inherited is not None:
                values[name] = inherited
    return values
