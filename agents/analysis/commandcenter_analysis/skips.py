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
        SkipReason.MISSING,
    }
)

_REMEMBERED = 200_000


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
    _seen: set[tuple[str, SkipReason]] = field(default_factory=set)
    _serious: list[Skip] = field(default_factory=list)
    _harmless: list[Skip] = field(default_factory=list)

    def add(self, skip: Skip) -> None:
        """Record a skip; several checks that skip a file for one reason count once."""
        if (skip.file, skip.reason) in self._seen:
            return
        if len(self._seen) < _REMEMBERED:
            self._seen.add((skip.file, skip.reason))
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
        """The skips by name, at most `capacity`."""
        return [
            {"file": skip.file, "reason": skip.reason.value}
            | ({"detail": skip.detail} if skip.detail else {})
            for skip in [*self._serious, *self._harmless][: self.capacity]
        ]
