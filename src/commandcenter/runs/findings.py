"""Findings in what analysing agents report: an agent wrote them, so all is bounded. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

_KEYS = ("findings", "violations", "issues")  # under which agents list them
_MOST_TEXT = 2000
_MOST_WORD = 200
_MOST_PER_STEP = 5000


class Level(StrEnum):
    """How grave, whatever word the agent has for it."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


_LEVELS = {
    **dict.fromkeys(("blocker", "critical", "error", "high"), Level.CRITICAL),
    **dict.fromkeys(("major", "warning", "medium", "moderate"), Level.WARNING),
}
_ORDER = list(Level)
# Within a level, by the agent's own word; what is not among these comes after.
_WORDS = (*_LEVELS, "minor", "low", "info")


@dataclass(frozen=True, slots=True)
class Source:
    """The step that reported it."""

    run_id: str
    node: str
    workflow: str
    agent: str
    project_id: str
    project: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Finding:
    """`severity` is the agent's own word; `line` counts from 1, None where it is not told."""

    id: str
    source: Source
    level: Level
    severity: str
    message: str
    file: str
    line: int | None
    rule: str
    category: str
    suggestion: str
    fingerprint: str


def findings_in(outputs: Mapping[str, Any], source: Source) -> Iterator[Finding]:
    """Yield what outputs list in the form that agents share; the first 5000 of a step."""
    items = [item for key in _KEYS for item in _listed(outputs.get(key))]
    for index, item in enumerate(items[:_MOST_PER_STEP]):
        severity, message = item.get("severity"), item.get("message")
        if not isinstance(severity, str) or not isinstance(message, str):
            continue
        line = item.get("line")
        yield Finding(
            id=f"{source.run_id}/{source.node}/{index}",
            source=source,
            level=_LEVELS.get(severity.lower(), Level.INFO),
            severity=severity[:_MOST_WORD],
            message=message[:_MOST_TEXT],
            file=_text(item, "file", _MOST_TEXT),
            line=line if isinstance(line, int) and line > 0 else None,
            rule=_text(item, "ruleId", _MOST_WORD),
            category=_text(item, "category", _MOST_WORD),
            suggestion=_text(item, "suggestion", _MOST_TEXT),
            fingerprint=_text(item, "fingerprint", _MOST_WORD),
        )


def without_repetition(found: Sequence[Finding]) -> list[Finding]:
    """Return each finding once, as the newest run says it: two workflows may scan one project.

    `found` is in the order of their runs, the newest first. Where several agents of a run found
    it, the gravest word counts.
    """
    kept: dict[tuple[str, str], Finding] = {}
    for number, each in enumerate(found):
        mark = each.fingerprint or f"\0{number}"  # without one it is not known again
        key = (each.source.project_id, mark)
        before = kept.get(key)
        if before is None or (
            before.source.run_id == each.source.run_id and _rank(each) < _rank(before)
        ):
            kept[key] = each
    return list(kept.values())


def _rank(finding: Finding) -> tuple[int, int]:
    word = finding.severity.lower()
    return _ORDER.index(finding.level), _WORDS.index(word) if word in _WORDS else len(_WORDS)


def gravest_first(found: Sequence[Finding]) -> list[Finding]:
    return sorted(
        found,
        key=lambda each: (
            _rank(each),
            each.source.project,
            each.file,
            each.line or 0,
            each.id,
        ),
    )


def _listed(value: object) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, Mapping))


def _text(item: Mapping[str, Any], key: str, most: int) -> str:
    value = item.get(key)
    return value[:most] if isinstance(value, str) else ""
