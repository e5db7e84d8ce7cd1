"""Conditions: a CEL expression over `inputs`, `nodes`, `run` and `trigger` that must be a bool.

A node is `nodes.NAME` with `.state` (a word of `StepState`), `.outputs` and `.error`; a name with
a dash in it is written `nodes["a-b"]`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from commandcenter.engine.cel.errors import CelBudgetError, CelError, CelSyntaxError
from commandcenter.engine.cel.evaluate import evaluate as evaluate_cel
from commandcenter.engine.cel.names import NameUse, check_names
from commandcenter.engine.cel.parser import parse
from commandcenter.engine.cel.syntax import Expression
from commandcenter.engine.cel.values import type_name
from commandcenter.engine.context import ROOTS
from commandcenter.engine.issues import quoted
from commandcenter.kit.errors import ProblemError

MAX_STEPS = 500_000  # at most about a quarter of a second


class ConditionSyntaxError(ValueError):
    """The text is not a condition. `offset` counts characters from its start."""

    def __init__(self, message: str, offset: int, hint: str | None = None) -> None:
        super().__init__(message)
        self.offset = offset
        self.hint = hint


class ConditionError(ProblemError):
    """A condition has no answer with this context."""

    code: ClassVar[str] = "condition_failed"
    status: ClassVar[int] = 422
    title: ClassVar[str] = "A condition could not be decided"


@dataclass(frozen=True, slots=True)
class Condition:
    """A checked condition. `names` are the paths below `ROOTS` it refers to."""

    text: str
    tree: Expression
    names: tuple[NameUse, ...]


def compile_condition(text: str) -> Condition:
    """Parse and check names and functions; ConditionSyntaxError says what is wrong and where."""
    try:
        tree = parse(text)
        names = check_names(tree, ROOTS)
    except CelSyntaxError as error:
        raise ConditionSyntaxError(str(error), error.offset, error.hint) from None
    return Condition(text, tree, names)


def evaluate(condition: Condition, context: Mapping[str, Any]) -> bool:
    """Return the answer; ConditionError if a field is missing or the value is not a bool.

    Takes at most `MAX_STEPS` steps, whatever the expression and the context are.
    """
    try:
        value = evaluate_cel(condition.tree, context, condition.text, steps=MAX_STEPS)
    except CelError as error:
        raise ConditionError(
            f"The condition {quoted(condition.text)} has no answer: {error}.",
            hint="Test for a field that may be missing with has(...).",
        ) from error
    except CelBudgetError:
        raise ConditionError(
            f"The condition {quoted(condition.text)} needs more than {MAX_STEPS:,} steps.",
            hint="Let an agent compute it and test its output.",
        ) from None
    if not isinstance(value, bool):
        raise ConditionError(
            f"The condition {quoted(condition.text)} must be true or false, but it is of type "
            f"{type_name(value)}.",
            hint="Compare the value with something, as in inputs.count > 0.",
        )
    return value
