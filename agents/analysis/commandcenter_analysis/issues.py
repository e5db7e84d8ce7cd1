"""What the review reports: findings graded by how much they stand in the way of a merge."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from commandcenter_analysis.findings import Category, Finding, Severity


class Grade(StrEnum):
    BLOCKER = "blocker"
    CRITICAL = "critical"
    MAJOR = "major"
    MINOR = "minor"


class Area(StrEnum):
    COMPLEXITY = "complexity"
    STYLE = "style"
    SECURITY = "security"
    TESTING = "testing"


_GRADES = {grade: order for order, grade in enumerate(Grade)}
_AS_SEVERITY = {
    Grade.BLOCKER: Severity.CRITICAL,
    Grade.CRITICAL: Severity.CRITICAL,
    Grade.MAJOR: Severity.WARNING,
    Grade.MINOR: Severity.INFO,
}


@dataclass(frozen=True, slots=True)
class Issue:
    """A finding with its area and grade. The finding's own severity follows from the grade."""

    area: Area
    grade: Grade
    finding: Finding

    def as_output(self) -> dict[str, Any]:
        return {
            **self.finding.as_output(),
            "category": self.area.value,
            "severity": self.grade.value,
        }


def issue(area: Area, grade: Grade, finding: Finding) -> Issue:
    return Issue(area, grade, finding.with_severity(_AS_SEVERITY[grade]))


def security_issue(finding: Finding) -> Issue:
    """Grade a finding of the security scan: a live credential must not be merged at all."""
    if finding.severity is Severity.CRITICAL:
        grade = Grade.BLOCKER if finding.category is Category.SECRET else Grade.CRITICAL
    else:
        grade = Grade.MAJOR if finding.severity is Severity.WARNING else Grade.MINOR
    return issue(Area.SECURITY, grade, finding)


def in_order(issues: Iterable[Issue]) -> list[Issue]:
    """The worst first, then by place."""
    return sorted(
        issues,
        key=lambda one: (
            _GRADES[one.grade],
            one.finding.file,
            one.finding.line,
            one.finding.rule_id,
        ),
    )


def count_by_grade(issues: Iterable[Issue]) -> dict[str, int]:
    counts = Counter(one.grade for one in issues)
    return {grade.value: counts[grade] for grade in Grade}
