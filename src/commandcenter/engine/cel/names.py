"""Which names an expression uses, and whether they can mean anything."""

from collections.abc import Collection
from dataclasses import dataclass

from commandcenter.engine.cel.errors import CelSyntaxError
from commandcenter.engine.cel.functions import FUNCTIONS, METHODS
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
from commandcenter.engine.cel.values import TYPES
from commandcenter.engine.issues import did_you_mean, quoted


@dataclass(frozen=True, slots=True)
class NameUse:
    """A path from a root as far as it is constant: `nodes.a["b"].c` is nodes, a, b, c."""

    parts: tuple[str, ...]
    offset: int


def check_names(tree: Expression, roots: Collection[str]) -> tuple[NameUse, ...]:
    """Return the uses of the roots; CelSyntaxError for a name or function there is not."""
    walk = _Walk(roots)
    walk.visit(tree, frozenset())
    return tuple(walk.uses)


class _Walk:
    def __init__(self, roots: Collection[str]) -> None:
        self._roots = roots
        self.uses: list[NameUse] = []

    def visit(self, tree: Expression, bound: frozenset[str]) -> None:
        if isinstance(tree, Name):
            self._name(tree, bound, ())
        elif isinstance(tree, Path):
            self._path(tree, bound)
        elif isinstance(tree, Call):
            self._function(tree)
            self._visit_all(tree.arguments, bound)
        elif isinstance(tree, Has):
            self._has(tree, bound)
        elif not isinstance(tree, Literal):
            self._visit_all(_children(tree), bound)

    def _visit_all(self, trees: tuple[Expression, ...], bound: frozenset[str]) -> None:
        for tree in trees:
            self.visit(tree, bound)

    def _name(self, tree: Name, bound: frozenset[str], rest: tuple[str, ...]) -> None:
        if tree.name in bound:
            return
        if tree.name in self._roots:
            self.uses.append(NameUse((tree.name, *rest), tree.offset))
        elif tree.name not in TYPES or rest:
            known = ", ".join(self._roots)
            near = did_you_mean(tree.name, [*self._roots, *bound])
            raise CelSyntaxError(
                f"there is no name {quoted(tree.name)}",
                tree.offset,
                near or f'names start with {known}; a text stands in quotes, "a-b"',
            )

    def _path(self, tree: Path, bound: frozenset[str]) -> None:
        if isinstance(tree.start, Name):
            self._name(tree.start, bound, _constant(tree))
        else:
            self.visit(tree.start, bound)
        for step in tree.steps:
            if isinstance(step, Index):
                self.visit(step.key, bound)
            elif isinstance(step, Macro):
                self._visit_all(step.arguments, bound | {step.variable})
            elif isinstance(step, Call):
                if step.name not in METHODS:
                    raise CelSyntaxError(
                        f"there is no method {quoted(step.name)}",
                        step.offset,
                        did_you_mean(step.name, METHODS),
                    )
                self._visit_all(step.arguments, bound)

    def _has(self, tree: Has, bound: frozenset[str]) -> None:
        """Count the field as used too: has(nodes.x.outputs) needs x to be known."""
        operand = tree.operand
        if isinstance(operand, Name):
            self._name(operand, bound, (tree.field,))
            return
        if isinstance(operand, Path) and isinstance(operand.start, Name):
            constant = _constant(operand)
            whole = len(constant) == len(operand.steps)
            self._name(operand.start, bound, (*constant, tree.field) if whole else constant)
            inner = Path(Literal(None), operand.steps, operand.offset)
            self._path(inner, bound)
            return
        self.visit(operand, bound)

    def _function(self, tree: Call) -> None:
        if tree.name not in FUNCTIONS:
            raise CelSyntaxError(
                f"there is no function {quoted(tree.name)}",
                tree.offset,
                did_you_mean(tree.name, FUNCTIONS),
            )


def _constant(tree: Path) -> tuple[str, ...]:
    parts: list[str] = []
    for step in tree.steps:
        if isinstance(step, Select):
            parts.append(step.field)
        elif (
            isinstance(step, Index)
            and isinstance(step.key, Literal)
            and isinstance(step.key.value, str)
        ):
            parts.append(step.key.value)
        else:
            break
    return tuple(parts)


def _children(tree: Expression) -> tuple[Expression, ...]:  # noqa: PLR0911 - one per kind
    if isinstance(tree, ListLiteral):
        return tree.items
    if isinstance(tree, MapLiteral):
        return tuple(part for entry in tree.entries for part in entry)
    if isinstance(tree, Unary):
        return (tree.operand,)
    if isinstance(tree, Chain):
        return (tree.first, *(operand for _, operand in tree.rest))
    if isinstance(tree, Logic):
        return tree.operands
    if isinstance(tree, Conditional):
        return (tree.test, tree.then, tree.otherwise)
    return ()
