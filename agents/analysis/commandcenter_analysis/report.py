"""What every agent's output says about the scan itself."""

from collections.abc import Sequence
from typing import Any

from commandcenter_analysis.findings import Finding, Severity
from commandcenter_analysis.limits import Limits
from commandcenter_analysis.skips import SkipLog


def scan_facts(files_scanned: int, skips: SkipLog) -> dict[str, Any]:
    """How far the scan went: part of the output of every agent."""
    return {
        "filesScanned": files_scanned,
        "filesSkipped": skips.as_output(),
        "filesSkippedCount": skips.total,
        "filesSkippedByReason": {
            reason.value: count for reason, count in sorted(skips.counts.items()) if count
        },
        "incomplete": skips.incomplete,
    }


def passed(findings: Sequence[Finding], skips: SkipLog) -> bool:
    """Nothing critical was found, and everything was looked at."""
    return not skips.incomplete and not any(
        finding.severity is Severity.CRITICAL for finding in findings
    )


def first(findings: Sequence[Finding], limits: Limits) -> list[Finding]:
    return list(findings[: limits.findings])


def counted(number: int, what: str) -> str:
    """`1 file`, `2 files`."""
    return f"{number} {what}{'' if number == 1 else 's'}"
