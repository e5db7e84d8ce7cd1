"""What a check reports, in one shape for all of them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


class Confidence(StrEnum):
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Category(StrEnum):
    SECRET = "secret"  # noqa: S105  # a category's name
    INJECTION = "injection"
    CRYPTOGRAPHY = "cryptography"
    TRANSPORT = "transport"
    DESERIALIZATION = "deserialization"
    CROSS_SITE_SCRIPTING = "cross-site-scripting"
    CONFIGURATION = "configuration"
    FILES = "files"
    LICENCE = "licence"
    HEADERS = "headers"
    COMPLEXITY = "complexity"
    STYLE = "style"
    TESTING = "testing"
    CORRECTNESS = "correctness"


_SEVERITY_ORDER = {Severity.CRITICAL: 0, Severity.WARNING: 1, Severity.INFO: 2}
_CONFIDENCE_ORDER = {Confidence.HIGH: 0, Confidence.MEDIUM: 1, Confidence.LOW: 2}


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem at one place. Lines count from 1; `file` is relative to the repository.

    `message` says what and why it matters, `suggestion` what to do. Neither ever holds a secret:
    a finding about one carries `mask` (its kind and length) and `secret_hash`, which is salted
    anew in every scan and so only tells which findings of one report are the same secret.
    """

    rule_id: str
    tool: str
    severity: Severity
    confidence: Confidence
    category: Category
    file: str
    line: int
    end_line: int
    message: str
    suggestion: str = ""
    fingerprint: str = ""
    mask: str = ""
    secret_hash: str = ""

    def with_severity(self, severity: Severity) -> "Finding":
        return replace(self, severity=severity)

    def as_output(self) -> dict[str, Any]:
        """The finding as a member of an agent's output."""
        output: dict[str, Any] = {
            "ruleId": self.rule_id,
            "tool": self.tool,
            "severity": self.severity.value,
            "confidence": self.confidence.value,
            "category": self.category.value,
            "file": self.file,
            "line": self.line,
            "endLine": self.end_line,
            "message": self.message,
            "suggestion": self.suggestion,
            "fingerprint": self.fingerprint,
        }
        if self.mask:
            output["mask"] = self.mask
            output["secretHash"] = self.secret_hash
        return output


def _order(finding: Finding) -> tuple[int, int, str, int, str]:
    return (
        _SEVERITY_ORDER[finding.severity],
        _CONFIDENCE_ORDER[finding.confidence],
        finding.file,
        finding.line,
        finding.rule_id,
    )


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """The worst and surest first, then by place: the same findings always give the same list."""
    return sorted(findings, key=_order)


def without_doubles(findings: Iterable[Finding]) -> list[Finding]:
    """Keep one finding per line and category: the worst, as two tools often see one problem."""
    best: dict[tuple[str, int, str, str], Finding] = {}
    for finding in in_order(findings):
        # Two different secrets can share a line; two rules for one secret share its hash.
        best.setdefault(
            (finding.file, finding.line, finding.category, finding.secret_hash), finding
        )
    return list(best.values())


def count_by_severity(findings: Iterable[Finding]) -> dict[str, int]:
    counts = {severity.value: 0 for severity in Severity}
    for finding in findings:
        counts[finding.severity.value] += 1
    return counts
