"""What an agent found out beforehand about the effect that people are asked to agree to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

_MAX_MESSAGE = 2000
_MAX_FILES = 200
_MAX_CONFLICTS = 50
_MAX_NAME = 500


class CheckOutcome(StrEnum):
    POSSIBLE = "possible"
    IMPOSSIBLE = "impossible"  # nobody is asked
    UNKNOWN = "unknown"  # the check itself came to nothing: people are asked, and told so


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One reason why it cannot be done; `file` is "" where it is about the whole."""

    file: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file}: {self.reason}" if self.file else self.reason


@dataclass(frozen=True, slots=True)
class CheckReport:
    """The answer of one check, bounded. `files` is None where the agent names none."""

    outcome: CheckOutcome
    message: str
    files: Sequence[str] | None = None
    files_total: int = 0
    conflicts: Sequence[Obstacle] = ()
    conflicts_total: int = 0

    @classmethod
    def of(
        cls, outcome: CheckOutcome, message: str, outputs: Mapping[str, Any] | None = None
    ) -> "CheckReport":
        """Take from the agent's outputs what goes by the usual names.

        `message` (it wins over the one given), `filesModified`, and `conflicts` with `file` and
        `reason` each. Anything of another shape is left out: it is the agent's word, unchecked.
        """
        given = outputs or {}
        said = given.get("message")
        files = given.get("filesModified")
        names = _texts(files) if isinstance(files, list) else None
        found = given.get("conflicts")
        conflicts = [
            Obstacle(_short(item.get("file")), _short(item.get("reason")))
            for item in (found if isinstance(found, list) else ())
            if isinstance(item, Mapping)
        ]
        return cls(
            outcome=outcome,
            message=(said if isinstance(said, str) and said else message)[:_MAX_MESSAGE],
            files=None if names is None else tuple(names[:_MAX_FILES]),
            files_total=len(names or ()),
            conflicts=tuple(conflicts[:_MAX_CONFLICTS]),
            conflicts_total=len(conflicts),
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "outcome": self.outcome.value,
            "message": self.message,
            "files": None if self.files is None else list(self.files),
            "files_total": self.files_total,
            "conflicts": [{"file": one.file, "reason": one.reason} for one in self.conflicts],
            "conflicts_total": self.conflicts_total,
        }


def _texts(values: Sequence[object]) -> list[str]:
    return [_short(value) for value in values if isinstance(value, str)]


def _short(value: object) -> str:
    return str(value)[:_MAX_NAME] if value is not None else ""
