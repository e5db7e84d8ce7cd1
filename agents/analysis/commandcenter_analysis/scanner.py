"""The security scan of a whole repository."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from commandcenter_analysis.findings import Finding, count_by_severity, in_order
from commandcenter_analysis.limits import DEFAULT_LIMITS, Limits
from commandcenter_analysis.report import counted, first, passed, scan_facts
from commandcenter_analysis.security import Progress, SecurityChecks, no_progress, scan_files
from commandcenter_analysis.skips import SkipLog
from commandcenter_analysis.walk import walk

LOCK_FILES = frozenset(
    {
        "package-lock.json",
        "npm-shrinkwrap.json",
        "yarn.lock",
        "pnpm-lock.yaml",
        "bun.lock",
        "poetry.lock",
        "uv.lock",
        "pdm.lock",
        "Pipfile.lock",
        "requirements.txt",
        "go.sum",
        "Cargo.lock",
        "Gemfile.lock",
        "composer.lock",
        "gradle.lockfile",
        "packages.lock.json",
        "mix.lock",
    }
)
_MOST_LOCK_FILES = 50


@dataclass(frozen=True, slots=True)
class SecurityScan:
    """All findings in order, worst first, and the output built from them."""

    findings: list[Finding]
    output: dict[str, Any]


def scan_repository(
    root: Path,
    checks: SecurityChecks | None = None,
    limits: Limits = DEFAULT_LIMITS,
    *,
    progress: Progress = no_progress,
) -> SecurityScan:
    """Look for secrets and insecure code below `root`. Reads only; takes `limits.seconds` at most.

    Dependencies are not checked against known vulnerabilities, and the output says so.
    """
    tree = walk(root, limits)
    progress(0.1, f"{counted(len(tree.files), 'file')} to look at")
    report = scan_files(
        root,
        [file.path for file in tree.files],
        checks or SecurityChecks(),
        limits,
        tree.skips,
        progress=lambda fraction, message: progress(0.1 + 0.7 * fraction, message),
    )
    findings = in_order(report.findings)
    locks = [file.path for file in tree.files if file.path.rpartition("/")[2] in LOCK_FILES]
    return SecurityScan(
        findings, _output(findings, report.files_scanned, tree.skips, locks, limits)
    )


def _output(
    findings: list[Finding], scanned: int, skips: SkipLog, locks: list[str], limits: Limits
) -> dict[str, Any]:
    counts = count_by_severity(findings)
    return {
        "passed": passed(findings, skips),
        "summary": {
            **counts,
            "total": len(findings),
            "byCategory": dict(
                sorted(Counter(finding.category.value for finding in findings).items())
            ),
            "text": _sentence(counts, scanned, skips),
        },
        "findings": [finding.as_output() for finding in first(findings, limits)],
        "findingsTotal": len(findings),
        **scan_facts(scanned, skips),
        "dependencies": {
            "status": "not_checked",
            "reason": "No vulnerability data is installed, so the dependencies were not compared "
            "with known vulnerabilities.",
            "lockFiles": locks[:_MOST_LOCK_FILES],
        },
    }


def _sentence(counts: dict[str, int], scanned: int, skips: SkipLog) -> str:
    text = (
        f"{counted(counts['critical'], 'critical finding')}, "
        f"{counted(counts['warning'], 'warning')} and {counts['info']} for information "
        f"in {counted(scanned, 'file')}."
    )
    if skips.incomplete:
        text += " Some files could not be checked, so this is not the whole picture."
    return text
