"""Reading configuration made of directives and braces, as nginx and Caddy have it."""

import re
from dataclasses import dataclass, field

_MOST_TOKENS = 200_000
_DEEPEST = 40


@dataclass(slots=True)
class Directive:
    """A directive with its words; `children` is None when it has no block."""

    words: list[str]
    line: int
    children: "list[Directive] | None" = None

    @property
    def name(self) -> str:
        return self.words[0] if self.words else ""


@dataclass(slots=True)
class _Reader:
    ends_with_semicolon: bool
    stack: list[list[Directive]] = field(default_factory=lambda: [[]])
    words: list[str] = field(default_factory=list)
    line: int = 0

    def end_directive(self) -> None:
        if self.words:
            self.stack[-1].append(Directive(self.words, self.line))
            self.words = []

    def open_block(self, line: int) -> None:
        directive = Directive(self.words, self.line if self.words else line, [])
        self.words = []
        self.stack[-1].append(directive)
        if directive.children is not None and len(self.stack) < _DEEPEST:
            self.stack.append(directive.children)

    def close_block(self) -> None:
        self.end_directive()
        if len(self.stack) > 1:
            self.stack.pop()


_TOKEN = re.compile(
    r"(?P<newline>\n)|(?P<space>[ \t\r]+)|(?P<comment>#[^\n]*)"
    r"|(?P<double>\"(?:[^\"\\]|\\.){0,20000}\")|(?P<single>'(?:[^'\\]|\\.){0,20000}')"
    r"|(?P<backtick>`[^`]{0,20000}`)|(?P<open>\{)|(?P<close>\})|(?P<end>;)"
    r"|(?P<word>(?:\$\{\w+\}|\{[\w.:$-]+\}|[^\s;{}\"'#])+)|(?P<other>.)"
)


def read_blocks(text: str, *, ends_with_semicolon: bool) -> list[Directive]:
    """The directives of a file. Never fails: what makes no sense is passed over."""
    reader = _Reader(ends_with_semicolon)
    line = 1
    for count, match in enumerate(_TOKEN.finditer(text)):
        if count > _MOST_TOKENS:
            break
        kind = match.lastgroup
        token = match.group()
        if kind == "newline":
            if not ends_with_semicolon:
                reader.end_directive()
        elif kind == "open":
            reader.open_block(line)
        elif kind == "close":
            reader.close_block()
        elif kind == "end" and ends_with_semicolon:
            reader.end_directive()
        elif kind in {"double", "single", "backtick"}:
            reader.line = reader.line if reader.words else line
            reader.words.append(token[1:-1])
        elif kind == "word":
            reader.line = reader.line if reader.words else line
            reader.words.append(token)
        line += token.count("\n")
    reader.end_directive()
    return reader.stack[0]
