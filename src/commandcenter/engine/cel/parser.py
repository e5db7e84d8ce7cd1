"""Tokens to a syntax tree, by recursive descent with a bounded depth."""

from commandcenter.engine.cel.errors import CelSyntaxError
from commandcenter.engine.cel.lexer import RESERVED, Kind, Token, tokens
from commandcenter.engine.cel.syntax import (
    Call,
    Chain,
    Conditional,
    Expression,
    Has,
    Index,
    ListLiteral,
    Literal,
    Logic,
    Macro,
    MapLiteral,
    Name,
    Path,
    Select,
    Unary,
)
from commandcenter.engine.numbers import MAX_INTEGER

MAX_CHARACTERS = 4096
MAX_DEPTH = 40  # of brackets and conditionals
_MACROS = {"all": (2,), "exists": (2,), "exists_one": (2,), "map": (2, 3), "filter": (2,)}
_LEVELS = (("||",), ("&&",), ("<", "<=", ">=", ">", "==", "!=", "in"), ("+", "-"), ("*", "/", "%"))
_LEVEL = {operator: level for level, group in enumerate(_LEVELS) for operator in group}
_LOGIC_LEVELS = 2  # the first two evaluate only what decides


def parse(text: str) -> Expression:
    """Return the tree; CelSyntaxError says what is wrong and where."""
    if len(text) > MAX_CHARACTERS:
        raise CelSyntaxError(f"the expression is longer than {MAX_CHARACTERS:,} characters", 0)
    parser = _Parser(tokens(text))
    tree = parser.expression()
    parser.expect_end()
    return tree


class _Parser:
    def __init__(self, found: list[Token]) -> None:
        self._tokens = found
        self._position = 0
        self._depth = 0

    @property
    def _next(self) -> Token:
        return self._tokens[self._position]

    def _take(self) -> Token:
        token = self._tokens[self._position]
        self._position += 1
        return token

    def _is(self, *operators: str) -> bool:
        return self._next.kind is Kind.OPERATOR and self._next.text in operators

    def _accept(self, operator: str) -> bool:
        if self._is(operator):
            self._position += 1
            return True
        return False

    def _expect(self, operator: str) -> Token:
        if not self._is(operator):
            raise self._unexpected(f'"{operator}"')
        return self._take()

    def expect_end(self) -> None:
        if self._next.kind is not Kind.END:
            raise self._unexpected("an operator or the end")

    def _unexpected(self, expected: str) -> CelSyntaxError:
        token = self._next
        found = f'"{token.text[:40]}"' if token.text else "the end"
        hints = {"and": "write &&", "or": "write ||", "not": "write !", "is": "write =="}
        return CelSyntaxError(
            f"expected {expected}, found {found}", token.offset, hints.get(token.text)
        )

    def expression(self) -> Expression:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise CelSyntaxError(f"nested more than {MAX_DEPTH} levels deep", self._next.offset)
        test = self._binary(0)
        if self._accept("?"):
            then = self._binary(0)
            self._expect(":")
            test = Conditional(test, then, self.expression())
        self._depth -= 1
        return test

    def _binary(self, lowest: int) -> Expression:
        """Read operators that bind at least as tightly as the level; one level is one flat node."""
        left = self._unary()
        while (level := self._level()) >= lowest:
            rest: list[tuple[str, Expression]] = []
            while self._level() == level:
                operator = self._take().text
                rest.append((operator, self._binary(level + 1)))
            if level < _LOGIC_LEVELS:
                left = Logic(rest[0][0], (left, *(operand for _, operand in rest)))
            else:
                left = Chain(left, tuple(rest))
        return left

    def _level(self) -> int:
        return _LEVEL.get(self._next.text, -1) if self._next.kind is Kind.OPERATOR else -1

    def _unary(self) -> Expression:
        operator = self._next.text
        count = 0
        while self._is("!", "-") and self._next.text == operator:
            self._take()
            count += 1
        token = self._next
        operand = self._member(negative=operator == "-" and count % 2 == 1)
        if count == 0:
            return operand
        if operator == "-" and count == 1 and isinstance(operand, Literal):
            value = operand.value
            if type(value) in (int, float) and value >= 0:
                return Literal(-value)
        if isinstance(operand, Literal) and operand.value == MAX_INTEGER + 1:
            raise CelSyntaxError("the integer needs more than 64 bits", token.offset)
        return Unary(operator, count, operand)

    def _member(self, *, negative: bool) -> Expression:
        token = self._next
        start = self._primary()
        if isinstance(start, Literal) and type(start.value) is int:
            too_large = start.value > MAX_INTEGER and not (negative and not self._is(".", "["))
            if too_large:
                raise CelSyntaxError("the integer needs more than 64 bits", token.offset)
        steps: list[Select | Index | Call | Macro] = []
        while self._is(".", "["):
            if self._take().text == "[":
                key = self.expression()
                end = self._expect("]").end
                steps.append(Index(key, token.offset, end))
            else:
                steps.append(self._field())
        return Path(start, tuple(steps), token.offset) if steps else start

    def _field(self) -> Select | Call | Macro:
        token = self._take()
        if token.kind is Kind.QUOTED_NAME:
            return Select(token.value, token.offset, token.end)
        if token.kind is not Kind.NAME and token.text not in ("in", "true", "false", "null"):
            self._position -= 1
            raise self._unexpected("the name of a field")
        if not self._is("("):
            return Select(token.text, token.offset, token.end)
        if token.text not in _MACROS:
            return Call(token.text, self._arguments(), token.offset)
        opening = self._position
        arguments = self._arguments()
        variable = arguments[0] if arguments else None
        if len(arguments) not in _MACROS[token.text] or not isinstance(variable, Name):
            raise CelSyntaxError(
                f"{token.text} takes a variable and a condition, as in list.{token.text}(x, x > 0)",
                self._tokens[opening].offset,
            )
        return Macro(token.text, variable.name, arguments[1:], token.offset)

    def _arguments(self) -> tuple[Expression, ...]:
        self._expect("(")
        return self._listed(")")

    def _listed(self, closer: str) -> tuple[Expression, ...]:
        items: list[Expression] = []
        while not self._is(closer):
            items.append(self.expression())
            if not self._accept(","):
                break
            if closer == ")" and self._is(")"):
                raise self._unexpected("an argument")
        self._expect(closer)
        return tuple(items)

    def _primary(self) -> Expression:  # noqa: PLR0911 - one per form
        token = self._next
        if token.kind is Kind.LITERAL:
            return Literal(self._take().value)
        if self._accept("("):
            inner = self.expression()
            self._expect(")")
            return inner
        if self._accept("["):
            return ListLiteral(self._listed("]"))
        if self._accept("{"):
            return self._map()
        self._accept(".")
        token = self._next
        if token.kind is not Kind.NAME or token.text in RESERVED:
            raise self._unexpected("a value")
        self._take()
        if not self._is("("):
            return Name(token.text, token.offset)
        arguments = self._arguments()
        if token.text != "has":
            return Call(token.text, arguments, token.offset)
        return self._has(arguments, token)

    def _has(self, arguments: tuple[Expression, ...], token: Token) -> Has:
        path = arguments[0] if len(arguments) == 1 else None
        last = path.steps[-1] if isinstance(path, Path) else None
        if not isinstance(path, Path) or not isinstance(last, Select):
            raise CelSyntaxError("has takes one field, as in has(inputs.name)", token.offset)
        before = path.steps[:-1]
        operand = Path(path.start, before, path.offset) if before else path.start
        return Has(operand, last.field)

    def _map(self) -> MapLiteral:
        entries: list[tuple[Expression, Expression]] = []
        while not self._is("}"):
            key = self.expression()
            self._expect(":")
            entries.append((key, self.expression()))
            if not self._accept(","):
                break
        self._expect("}")
        return MapLiteral(tuple(entries))
