"""Evaluation of a syntax tree against JSON values, on a budget of steps."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from commandcenter.engine.cel.budget import Budget
from commandcenter.engine.cel.errors import CelError
from commandcenter.engine.cel.functions import call
from commandcenter.engine.cel.operators import apply, contains, fetched, negate
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
from commandcenter.engine.cel.values import TYPES, type_name
from commandcenter.engine.issues import did_you_mean, quoted

_MISSING: Any = object()


def evaluate(tree: Expression, variables: Mapping[str, Any], text: str, *, steps: int) -> Any:
    """Return the value; CelError if it has none, CelBudgetError if it would take too long."""
    return _Evaluation(text, Budget(steps)).value(tree, variables)


class _Evaluation:
    def __init__(self, text: str, budget: Budget) -> None:
        self._text = text
        self._budget = budget
        self._methods: dict[type, Callable[[Any, Mapping[str, Any]], Any]] = {
            Literal: self._literal,
            Name: self._name,
            ListLiteral: self._list,
            MapLiteral: self._map,
            Call: self._call,
            Path: self._path,
            Has: self._has,
            Unary: self._unary,
            Chain: self._chain,
            Logic: self._logic,
            Conditional: self._conditional,
        }

    def value(self, tree: Expression, scope: Mapping[str, Any]) -> Any:
        self._budget.spend(1)
        return self._methods[type(tree)](tree, scope)

    def _literal(self, tree: Literal, _scope: Mapping[str, Any]) -> Any:
        return tree.value

    def _name(self, tree: Name, scope: Mapping[str, Any]) -> Any:
        value = scope.get(tree.name, _MISSING)
        if value is _MISSING:
            value = TYPES.get(tree.name, _MISSING)
        if value is _MISSING:
            raise CelError(f"{tree.name} is not available")
        return fetched(value)

    def _list(self, tree: ListLiteral, scope: Mapping[str, Any]) -> list[Any]:
        return [self.value(item, scope) for item in tree.items]

    def _map(self, tree: MapLiteral, scope: Mapping[str, Any]) -> dict[Any, Any]:
        result: dict[Any, Any] = {}
        for key_tree, value_tree in tree.entries:
            key = self.value(key_tree, scope)
            if isinstance(key, bool) or not isinstance(key, str | int):
                raise CelError(f"a key of a map must be a string or an int, not {type_name(key)}")
            if key in result:
                raise CelError(f"the map has the key {key!r} twice")
            result[key] = self.value(value_tree, scope)
        return result

    def _call(self, tree: Call, scope: Mapping[str, Any]) -> Any:
        arguments = [self.value(argument, scope) for argument in tree.arguments]
        return call(tree.name, arguments, self._budget)

    def _path(self, tree: Path, scope: Mapping[str, Any]) -> Any:
        value = self.value(tree.start, scope)
        end = tree.steps[0].offset
        for step in tree.steps:
            self._budget.spend(1)
            if isinstance(step, Select):
                value = self._selected(value, step, self._text[tree.offset : end])
                end = step.end
            elif isinstance(step, Index):
                key = self.value(step.key, scope)
                value = self._indexed(value, key, self._text[tree.offset : step.end])
                end = step.end
            elif isinstance(step, Macro):
                value = self._macro(value, step, scope)
            else:
                arguments = [self.value(argument, scope) for argument in step.arguments]
                value = call(step.name, [value, *arguments], self._budget, method=True)
        return value

    def _selected(self, value: Any, step: Select, path: str) -> Any:
        shown = path.rstrip(" .") or "the value"
        if not isinstance(value, Mapping):
            raise CelError(f"{shown} is {_described(value)} and has no field {step.field}")
        found = value.get(step.field, _MISSING)
        if found is _MISSING:
            near = did_you_mean(step.field, [str(key) for key in list(value)[:1000]])
            raise CelError(
                f"{shown} has no field {quoted(step.field)}" + (f"; {near}" if near else "")
            )
        return fetched(found)

    def _indexed(self, value: Any, key: Any, shown: str) -> Any:
        if isinstance(value, Mapping):
            if isinstance(key, float) and key.is_integer():
                key = int(key)
            usable = isinstance(key, str | int) and not isinstance(key, bool)
            found = value.get(key, _MISSING) if usable else _MISSING
            if found is _MISSING:
                raise CelError(f"{shown}: there is no such key")
            return fetched(found)
        if isinstance(value, list | tuple):
            if isinstance(key, float) and key.is_integer():
                key = int(key)
            if isinstance(key, bool) or not isinstance(key, int):
                raise CelError(f"{shown}: a list is indexed by int, not {type_name(key)}")
            if not 0 <= key < len(value):
                raise CelError(f"{shown}: the list has {len(value)} items")
            return fetched(value[key])
        raise CelError(f"{shown}: {_described(value)} has no items")

    def _has(self, tree: Has, scope: Mapping[str, Any]) -> bool:
        value = self.value(tree.operand, scope)
        if not isinstance(value, Mapping):
            raise CelError(f"has(...{tree.field}): it is {_described(value)} and has no fields")
        return tree.field in value

    def _unary(self, tree: Unary, scope: Mapping[str, Any]) -> Any:
        value = self.value(tree.operand, scope)
        if tree.operator == "!":
            if not isinstance(value, bool):
                raise CelError(f"! needs a bool, not {type_name(value)}")
            return value is (tree.count % 2 == 0)
        for _ in range(2 - tree.count % 2):
            value = negate(value)
        return value

    def _chain(self, tree: Chain, scope: Mapping[str, Any]) -> Any:
        value = self.value(tree.first, scope)
        for operator, operand in tree.rest:
            right = self.value(operand, scope)
            if operator == "in":
                value = contains(value, right, self._budget)
            else:
                value = apply(operator, value, right, self._budget)
        return value

    def _logic(self, tree: Logic, scope: Mapping[str, Any]) -> bool:
        """One operand that decides is enough, even if another one has no value."""
        deciding = tree.operator == "||"
        failure: CelError | None = None
        for operand in tree.operands:
            try:
                value = self.value(operand, scope)
                if not isinstance(value, bool):
                    raise CelError(f"{tree.operator} needs bools, not {type_name(value)}")  # noqa: TRY301 - absorbed like any other error
            except CelError as error:
                failure = failure or error
                continue
            if value is deciding:
                return deciding
        if failure is not None:
            raise failure
        return not deciding

    def _conditional(self, tree: Conditional, scope: Mapping[str, Any]) -> Any:
        test = self.value(tree.test, scope)
        if not isinstance(test, bool):
            raise CelError(f"? needs a bool before it, not {type_name(test)}")
        return self.value(tree.then if test else tree.otherwise, scope)

    def _macro(self, value: Any, step: Macro, scope: Mapping[str, Any]) -> Any:
        items: Sequence[Any]
        if isinstance(value, Mapping):
            items = list(value)
        elif isinstance(value, list | tuple):
            items = value
        else:
            raise CelError(f"{step.name} goes through a list or a map, not {_described(value)}")
        self._budget.spend(len(items))
        inner = dict(scope)
        if step.name in ("all", "exists"):
            return self._quantified(items, step, inner)
        if step.name == "exists_one":
            return sum(self._each(items, step, inner)) == 1
        if step.name == "filter":
            kept = self._each(items, step, inner)
            return [item for item, keep in zip(items, kept, strict=True) if keep]
        return self._mapped(items, step, inner)

    def _quantified(self, items: Sequence[Any], step: Macro, scope: dict[str, Any]) -> bool:
        deciding = step.name == "exists"
        failure: CelError | None = None
        for item in items:
            scope[step.variable] = item
            try:
                value = self._test(step.arguments[0], step.name, scope)
            except CelError as error:
                failure = failure or error
                continue
            if value is deciding:
                return deciding
        if failure is not None:
            raise failure
        return not deciding

    def _each(self, items: Sequence[Any], step: Macro, scope: dict[str, Any]) -> list[bool]:
        found = []
        for item in items:
            scope[step.variable] = item
            found.append(self._test(step.arguments[0], step.name, scope))
        return found

    def _mapped(self, items: Sequence[Any], step: Macro, scope: dict[str, Any]) -> list[Any]:
        result = []
        for item in items:
            scope[step.variable] = item
            if len(step.arguments) == 1 or self._test(step.arguments[0], step.name, scope):
                result.append(self.value(step.arguments[-1], scope))
        return result

    def _test(self, tree: Expression, name: str, scope: Mapping[str, Any]) -> bool:
        value = self.value(tree, scope)
        if not isinstance(value, bool):
            raise CelError(f"{name} needs a condition that is a bool, not {type_name(value)}")
        return value


def _described(value: Any) -> str:
    return "null" if value is None else f"a value of type {type_name(value)}"
