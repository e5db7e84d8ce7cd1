"""What is wrong with a workflow definition, and where: every problem, not only the first."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, ClassVar

from commandcenter.kit.errors import ProblemError

MAX_ISSUES = 100
_SHOWN_IN_DETAIL = 5
_LONGEST_GUESS = 100  # comparing longer words costs time and helps nobody


@dataclass(frozen=True, slots=True)
class Issue:
    """One problem. `line` and `column` count from 1; 0 where the text has no such place."""

    path: str
    line: int
    column: int
    message: str
    hint: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "path": self.path,
            "line": self.line,
            "column": self.column,
            "message": self.message,
            "hint": self.hint,
        }

    def __str__(self) -> str:
        where = f"line {self.line}, column {self.column}: " if self.line else ""
        what = f"{self.path}: {self.message}" if self.path else self.message
        return f"{where}{what}" + (f" ({self.hint})" if self.hint else "")


class IssuesError(ProblemError):
    """A problem document whose `issues` member lists each `Issue`, in the order of the text."""

    code: ClassVar[str] = "invalid_input"
    status: ClassVar[int] = 422
    next_step: ClassVar[str | None] = None

    def __init__(self, subject: str, issues: Iterable[Issue], *, hint: str | None = None) -> None:
        found = sorted(
            dict.fromkeys(issues), key=lambda issue: (issue.line, issue.column, issue.path)
        )
        self.issues: tuple[Issue, ...] = tuple(found[:MAX_ISSUES])
        lines = [str(issue) for issue in found[:_SHOWN_IN_DETAIL]]
        if len(found) > _SHOWN_IN_DETAIL:
            lines.append(f"and {len(found) - _SHOWN_IN_DETAIL} more")
        count = "one problem" if len(found) == 1 else f"{len(found)} problems"
        super().__init__(
            f"{subject} has {count}: " + "; ".join(lines),
            hint=hint or self.next_step,
            fields={"issues": [issue.as_json() for issue in self.issues]},
        )


class WorkflowInvalidError(IssuesError):
    """The definition cannot be used. Nothing was stored."""

    code = "workflow_invalid"
    title = "The workflow definition is not valid"
    next_step = "Mend the file, then try it with: commandcenter workflows validate FILE"


class InputsInvalidError(IssuesError):
    """The inputs given to a run do not fit the workflow's declaration. Nothing was started."""

    code = "inputs_invalid"
    title = "The inputs do not fit the workflow"


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """Return `did you mean "x"?` for the nearest known word, or None if none is near."""
    if len(word) > _LONGEST_GUESS:
        return None
    near = get_close_matches(word, [name for name in known if len(name) <= _LONGEST_GUESS], n=1)
    return f'did you mean "{near[0]}"?' if near else None


def quoted(word: str) -> str:
    """Return the word in double quotes, shortened so that a message stays readable."""
    shown = word if len(word) <= _LONGEST_GUESS else word[: _LONGEST_GUESS - 1] + "…"
    return '"' + shown.replace("\n", "\\n").replace("\r", "\\r") + '"'
