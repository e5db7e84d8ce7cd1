"""The record of what a scan did not look at, and why."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class SkipReason(StrEnum):
    """Why a file was not looked at. Those in `HARMLESS` leave nothing of the source unseen."""

    BINARY = "binary"
    VENDORED = "vendored"
    MINIFIED = "minified"
    GENERATED = "generated"
    SYMLINK = "symlink"
    NOT_A_FILE = "not_a_regular_file"
    OUTSIDE = "outside_the_repository"
    MISSING = "not_found"
    TOO_LARGE = "too_large"
    UNREADABLE = "unreadable"
    LINE_TOO_LONG = "line_too_long"
    SYNTAX = "not_parsed"
    TIMEOUT = "timeout"
    CRASHED = "analysis_failed"
    LIMIT = "limit_reached"


HARMLESS = frozenset(
    {
        SkipReason.BINARY,
        SkipReason.VENDORED,
        SkipReason.MINIFIED,
        SkipReason.GENERATED,
        SkipReason.SYMLINK,
        SkipReason.NOT_A_FILE,
    }
)


@dataclass(frozen=True, slots=True)
class Skip:
    file: str
    reason: SkipReason
    detail: str = ""


@dataclass(slots=True)
class SkipLog:
    """Counts every skip, names the first `capacity` of them, those that matter first."""

    capacity: int
    counts: Counter[SkipReason] = field(default_factory=Counter)
    _serious: list[Skip] = field(default_factory=list)
    _harmless: list[Skip] = field(default_factory=list)

    def add(self, skip: Skip) -> None:
        self.counts[skip.reason] += 1
        kept = self._harmless if skip.reason in HARMLESS else self._serious
        if len(kept) < self.capacity:
            kept.append(skip)

    @property
    def incomplete(self) -> bool:
        """Whether some source that should have been looked at was not."""
        return any(count and reason not in HARMLESS for reason, count in self.counts.items())

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    def as_output(self) -> list[dict[str, Any]]:
        """The skips by name, at most `capacity`; a file and reason once."""
        named: dict[tuple[str, str], dict[str, Any]] = {}
        for skip in [*self._serious, *self._harmless]:
            entry: dict[str, Any] = {"file": skip.file, "reason": skip.reason.value}
            if skip.detail:
                entry["detail"] = skip.detail
            named.setdefault((skip.file, skip.reason.value), entry)
        return list(named.values())[: self.capacity]
