"""Text to tokens, in one pass."""

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from commandcenter.engine.cel.errors import CelSyntaxError
from commandcenter.engine.cel.values import UInt
from commandcenter.engine.numbers import MAX_INTEGER

_MAX_UINT = 2**64 - 1
_RAW_PREFIX = "(?:[rR][bB]|[bB][rR]|[rR])"
_RAW_STRING = _RAW_PREFIX + (r"""(?:\"\"\"(?s:.*?)\"\"\"|'''(?s:.*?)'''|"[^"\r\n]*"|'[^'\r\n]*')""")
_QUOTED = (
    r'''"""(?s:(?:[^\\]|\\.)*?)"""''',
    r"""'''(?s:(?:[^\\]|\\.)*?)'''""",
    r'''"(?:[^"\\\r\n]|\\.)*"''',
    r"""'(?:[^'\\\r\n]|\\.)*'""",
)
_STRING = f"[bB]?(?:{'|'.join(_QUOTED)})"
_TOKEN = re.compile(
    r"(?P<space>[ \t\r\n\f]+|//[^\r\n]*)"
    rf"|(?P<raw>{_RAW_STRING})"
    rf"|(?P<string>{_STRING})"
    r"|(?P<float>[0-9]+\.[0-9]+(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+|\.[0-9]+(?:[eE][-+]?[0-9]+)?)"
    r"|(?P<int>(?:0x[0-9a-fA-F]+|[0-9]+)[uU]?)"
    r"|(?P<name>[_a-zA-Z][_a-zA-Z0-9]*)"
    r"|(?P<quoted>`[a-zA-Z0-9_./ -]+`)"
    r"|(?P<op>&&|\|\||<=|>=|==|!=|[-+*/%<>!?:.,()\[\]{}])"
)
_ESCAPE = re.compile(
    r"\\(?:([abfnrtv\\?\"'`])|[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|(.|\Z))",
    re.DOTALL,
)
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
RESERVED = frozenset(
    (
        *("as", "break", "const", "continue", "else", "for", "function", "if", "import", "in"),
        *("let", "loop", "package", "namespace", "return", "var", "void", "while"),
        *("true", "false", "null"),
    )
)


class Kind(Enum):
    LITERAL = auto()
    NAME = auto()
    QUOTED_NAME = auto()  # `a-b`, a field whose name is not an identifier
    OPERATOR = auto()  # the words true, false and null are literals; `in` is an operator
    END = auto()


@dataclass(frozen=True, slots=True)
class Token:
    kind: Kind
    text: str
    offset: int
    value: Any = None

    @property
    def end(self) -> int:
        return self.offset + len(self.text)


def tokens(text: str) -> list[Token]:
    """Return the tokens and an END; CelSyntaxError names the first character that fits nowhere."""
    found: list[Token] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise _unexpected(text, position)
        kind, word = match.lastgroup, match[0]
        if kind != "space":
            found.append(_token(str(kind), word, position))
        position = match.end()
    found.append(Token(Kind.END, "", len(text)))
    return found


def _token(kind: str, word: str, offset: int) -> Token:  # noqa: PLR0911 - one per kind
    if kind == "name":
        if word in ("true", "false", "null"):
            return Token(Kind.LITERAL, word, offset, {"true": True, "false": False}.get(word))
        return Token(Kind.OPERATOR if word == "in" else Kind.NAME, word, offset)
    if kind == "quoted":
        return Token(Kind.QUOTED_NAME, word, offset, word[1:-1])
    if kind == "op":
        return Token(Kind.OPERATOR, word, offset)
    if kind == "int":
        return Token(Kind.LITERAL, word, offset, _integer(word, offset))
    if kind == "float":
        return Token(Kind.LITERAL, word, offset, float(word))
    return Token(Kind.LITERAL, word, offset, _string(word, offset))


def _integer(word: str, offset: int) -> int:
    unsigned = word[-1] in "uU"
    digits = word[:-1] if unsigned else word
    most = _MAX_UINT if unsigned else MAX_INTEGER + 1  # the parser allows 2**63 after a minus only
    value = int(digits, 16 if digits[:2] == "0x" else 10) if len(digits) <= 25 else most + 1  # noqa: PLR2004 - int() of long texts is slow
    if value > most:
        raise CelSyntaxError("the integer needs more than 64 bits", offset)
    return UInt(value) if unsigned else value


def _string(word: str, offset: int) -> str | bytes:
    start = 0
    while word[start] in "rRbB":
        start += 1
    prefix = word[:start].lower()
    quotes = 3 if word[start : start + 3] in ('"""', "'''") and len(word) >= start + 6 else 1
    body = word[start + quotes : len(word) - quotes]
    if "r" not in prefix:
        as_bytes = "b" in prefix
        if as_bytes:
            return _bytes(body, offset)
        body = _ESCAPE.sub(lambda match: _unescaped(match, offset), body)
    return body.encode() if "b" in prefix else body


def _bytes(body: str, offset: int) -> bytes:
    pieces: list[bytes] = []
    position = 0
    for match in _ESCAPE.finditer(body):
        pieces.append(body[position : match.start()].encode())
        octet = match[2] or match[5]
        if match[3] or match[4]:
            raise CelSyntaxError("\\u has no place in bytes", offset)
        if octet:
            pieces.append(bytes([int(octet, 16 if match[2] else 8)]))
        else:
            pieces.append(_unescaped(match, offset).encode())
        position = match.end()
    pieces.append(body[position:].encode())
    return b"".join(pieces)


def _unescaped(match: re.Match[str], offset: int) -> str:
    if match[1]:
        return _SIMPLE.get(match[1], match[1])
    code = match[2] or match[3] or match[4]
    if code or match[5]:
        value = int(code, 16) if code else int(match[5], 8)
        if value <= 0x10FFFF and not 0xD800 <= value <= 0xDFFF:  # noqa: PLR2004 - Unicode's own bounds
            return chr(value)
    raise CelSyntaxError(f"{match[0]} is not an escape sequence", offset + match.start())


def _unexpected(text: str, position: int) -> CelSyntaxError:
    char = text[position]
    if char in "\"'":
        return CelSyntaxError("the string is not closed", position)
    hints = {
        "=": "compare with ==",
        "&": "write && for and",
        "|": "write || for or",
        "$": "names stand as they are, without $",
    }
    return CelSyntaxError(f"unexpected {char!r}", position, hints.get(char))
