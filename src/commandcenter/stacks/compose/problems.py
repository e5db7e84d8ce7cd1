"""What is wrong with a compose definition: every problem with its kind, file and line."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from commandcenter.kit.errors import ProblemError

MAX_PROBLEMS = 100
_SHOWN_IN_DETAIL = 5
_SHOWN = 60  # characters of a value
_QUOTATION = re.compile('"([^"]+)"')


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands: a file of the project, line and column from 1 (0: the whole file)."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


class Refusal(StrEnum):
    UNSAFE = "unsafe"  # it would reach beyond the project
    UNSUPPORTED = "unsupported"  # valid, but nothing here does it
    INVALID = "invalid"  # not what the Compose Specification allows, or it cannot be found


@dataclass(frozen=True, slots=True)
class ComposeProblem:
    refusal: Refusal
    path: str  # services.web.ports[0]
    place: Place
    message: str
    hint: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": self.refusal.value,
            "path": self.path,
            "file": self.place.file,
            "line": self.place.line,
            "column": self.place.column,
            "message": self.message,
            "hint": self.hint,
        }

    def __str__(self) -> str:
        what = f"{self.path}: {self.message}" if self.path else self.message
        return f"{self.place}: {_WORDS[self.refusal]}: {what}" + (
            f" ({self.hint})" if self.hint else ""
        )


_WORDS = {
    Refusal.UNSAFE: "refused as unsafe",
    Refusal.UNSUPPORTED: "not supported",
    Refusal.INVALID: "invalid",
}


@dataclass(frozen=True, slots=True)
class Note:
    """Something the definition asks for that is done in another way here, or has no effect."""

    path: str
    place: Place
    message: str


class ComposeRefusedError(ProblemError):
    """The definition cannot be used as it is. `problems` are in the order of the files."""

    code = "compose_refused"
    status = 422
    title = "The compose definition cannot be used"

    def __init__(self, subject: str, problems: Iterable[ComposeProblem]) -> None:
        unique = dict.fromkeys(problems)
        order = {file: number for number, file in enumerate(_files(unique))}
        found = sorted(
            unique,
            key=lambda each: (order[each.place.file], each.place.line, each.place.column),
        )
        self.problems: tuple[ComposeProblem, ...] = tuple(found[:MAX_PROBLEMS])
        lines = [str(problem) for problem in found[:_SHOWN_IN_DETAIL]]
        if len(found) > _SHOWN_IN_DETAIL:
            lines.append(f"and {len(found) - _SHOWN_IN_DETAIL} more")
        count = "one problem" if len(found) == 1 else f"{len(found)} problems"
        super().__init__(
            f"{subject} has {count}: " + "; ".join(lines),
            hint="Change the file. A folder without a compose file gets the default stack.",
            fields={"problems": [problem.as_json() for problem in self.problems]},
        )


def _files(problems: Iterable[ComposeProblem]) -> dict[str, None]:
    return dict.fromkeys(problem.place.file for problem in problems)


class Findings:
    """Collects problems and notes; bounded, since a hostile file can hold any number."""

    def __init__(self) -> None:
        self._problems: dict[ComposeProblem, None] = {}
        self._notes: dict[Note, None] = {}
        self._without_value: set[str] = set()
        self._written: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)  # by line

    def put_in(self, place: Place, written: str, became: str) -> None:
        """Have problems there tell the value as it is written: its variables may be secret."""
        self._written[str(place)].append((written, became))

    def refuse(
        self, refusal: Refusal, path: str, place: Place, message: str, hint: str | None = None
    ) -> None:
        if refusal is Refusal.INVALID and path in self._without_value:
            return  # it follows from what was told before
        message = self._without_variables(place, message)
        if len(self._problems) <= MAX_PROBLEMS:
            self._problems[ComposeProblem(refusal, path, place, message, hint)] = None

    def _without_variables(self, place: Place, message: str) -> str:
        told = message
        for written, became in self._written.get(str(place), ()):
            for quoted in _QUOTATION.findall(message):
                if quoted in became:  # or a part of it
                    told = told.replace(f'"{quoted}"', f'"{written[:_SHOWN]}"')
        return told if told == message else f"{told} (what its variables stand for is not shown)"

    def lost_value(self, path: str, place: Place, message: str) -> None:
        """Refuse a value that could not be had; what is missed at its path is not told again."""
        self.refuse(Refusal.INVALID, path, place, message)
        self._without_value.add(path)

    def note(self, path: str, place: Place, message: str) -> None:
        if len(self._notes) < MAX_PROBLEMS:
            self._notes[Note(path, place, message)] = None

    @property
    def problems(self) -> tuple[ComposeProblem, ...]:
        return tuple(self._problems)

    @property
    def notes(self) -> tuple[Note, ...]:
        return tuple(self._notes)
