"""Variables in the values of a compose file: `$NAME`, `${NAME}` and its six operators, `$$`."""

import re
from collections.abc import Callable

MAX_NESTING = 32
MAX_VALUE_CHARACTERS = 256 * 1024
Lookup = Callable[[str], str | None]

_NAME = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*")
_OPERATORS = (":-", ":?", ":+", "-", "?", "+")


class InterpolationError(ValueError):
    """The text is not a template, or a variable that must be set is not.

    The message holds nothing of the text: it may be a password with a dollar sign in it.
    """


class Interpolator:
    """Substitutes from `lookup`; remembers in `unset` the variables that became empty."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self.unset: list[str] = []

    def substitute(self, text: str) -> str:
        """Return the text with its variables replaced; InterpolationError says why not."""
        return self._substitute(text, 0)

    def _substitute(self, text: str, nesting: int) -> str:
        if nesting > MAX_NESTING:
            raise InterpolationError(f"variables nested more than {MAX_NESTING} deep")
        parts: list[str] = []
        position = 0
        length = 0
        while True:
            length += sum(map(len, parts[-2:]))  # what one turn adds
            if length > MAX_VALUE_CHARACTERS:
                raise InterpolationError(
                    f"more than {MAX_VALUE_CHARACTERS:,} characters, variables replaced"
                )
            dollar = text.find("$", position)
            if dollar < 0:
                parts.append(text[position:])
                return "".join(parts)
            parts.append(text[position:dollar])
            following = text[dollar + 1 : dollar + 2]
            name = _NAME.match(text, dollar + 1)
            if following == "$":
                parts.append("$")
                position = dollar + 2
            elif following == "{":
                end = _closing(text, dollar + 1)
                parts.append(self._braced(text[dollar + 2 : end], nesting))
                position = end + 1
            elif name:
                parts.append(self._value(name[0]))
                position = name.end()
            else:  # a lone dollar is kept as it is
                parts.append("$")
                position = dollar + 1

    def _braced(self, inner: str, nesting: int) -> str:
        name = _NAME.match(inner)
        rest = inner[name.end() :] if name else inner
        operator = next((op for op in _OPERATORS if rest.startswith(op)), None)
        if name is None or (rest and operator is None):
            raise InterpolationError("a ${...} here is not a variable; write $$ for a dollar sign")
        if operator is None:
            return self._value(name[0])
        value = self._lookup(name[0])
        word = rest[len(operator) :]
        is_there = bool(value) if operator.startswith(":") else value is not None
        match operator[-1]:
            case "-":
                return (value or "") if is_there else self._substitute(word, nesting + 1)
            case "+":
                return self._substitute(word, nesting + 1) if is_there else ""
            case _:
                if is_there:
                    return value or ""
                reason = self._substitute(word, nesting + 1)
                raise InterpolationError(
                    f"the variable {name[0]} must be set" + (f": {reason[:200]}" if reason else "")
                )

    def _value(self, name: str) -> str:
        value = self._lookup(name)
        if value is None:
            self.unset.append(name)
            return ""
        return value


def _closing(text: str, opening: int) -> int:
    """Return where the brace at `opening` is closed; braces inside are counted."""
    level = 0
    for index in range(opening, len(text)):
        if text[index] == "{":
            level += 1
        elif text[index] == "}":
            level -= 1
            if level == 0:
                return index
    raise InterpolationError("a ${ has no closing brace; write $$ for a dollar sign")
