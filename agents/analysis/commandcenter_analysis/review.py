"""The review of a repository, of some of its files, or of what changed since a commit."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from commandcenter_analysis import complexity
from commandcenter_analysis.baseline import Changes, changes_since
from commandcenter_analysis.classify import is_test_path
from commandcenter_analysis.code_quality import Quality, check_quality
from commandcenter_analysis.findings import Confidence, Finding, Severity
from commandcenter_analysis.issues import (
    Area,
    Issue,
    count_by_grade,
    in_order,
    security_issue,
)
from commandcenter_analysis.limits import DEFAULT_LIMITS, Limits
from commandcenter_analysis.report import counted, scan_facts
from commandcenter_analysis.score import score
from commandcenter_analysis.security import Progress, SecurityChecks, no_progress, scan_files
from commandcenter_analysis.skips import Skip, SkipLog, SkipReason
from commandcenter_analysis.testing import Testing, check_testing
from commandcenter_analysis.walk import walk


@dataclass(frozen=True, slots=True)
class Review:
    """All issues in order, worst first, and the output built from them."""

    issues: list[Issue]
    output: dict[str, Any]


def review(
    root: Path,
    changed_files: Sequence[str] | None = None,
    baseline: str | None = None,
    limits: Limits = DEFAULT_LIMITS,
    *,
    progress: Progress = no_progress,
) -> Review:
    """Review the files below `root`. Reads only.

    With `changed_files` only those are reviewed; with `baseline` only what differs from that
    commit, and issues on lines that did not change are counted, not listed. Raises
    `BaselineError` for a commit that is not there.
    """
    started = time.monotonic()
    tree = walk(root, limits)
    files = [file.path for file in tree.files]
    scope = files if changed_files is None else _chosen(files, changed_files, tree.skips)
    changes: Changes | None = None
    if baseline:
        changes = changes_since(root, baseline, scope, limits)
        scope = sorted(changes.lines)
    progress(0.1, f"{counted(len(scope), 'file')} to review")
    security = scan_files(root, scope, SecurityChecks(), limits, tree.skips)
    progress(0.5, "security reviewed")
    left = max(10.0, limits.seconds - (time.monotonic() - started))
    quality = check_quality(root, scope, limits, tree.skips, seconds=left / 2)
    progress(0.9, "complexity and style reviewed")
    testing = check_testing(root, files, scope, limits, tree.skips, whole=len(scope) == len(files))
    issues = [
        *(security_issue(finding) for finding in security.findings if _matters(finding)),
        *quality.issues,
        *testing.issues,
    ]
    listed = in_order(one for one in issues if changes is None or _is_new(one, changes))
    output = _output(listed, quality, testing, limits)
    output |= scan_facts(security.files_scanned, tree.skips)
    if changes is not None:
        output["baseline"] = {
            "commit": changes.commit,
            "filesChanged": len(changes.lines),
            "preExistingIssues": len(issues) - len(listed),
        }
    return Review(listed, output)


def _chosen(files: Sequence[str], wanted: Sequence[str], skips: SkipLog) -> list[str]:
    """The wanted files that are there. The others are recorded: a diff names deleted ones, too."""
    present = set(files)
    chosen: list[str] = []
    for name in wanted:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            skips.add(Skip(name[:300], SkipReason.OUTSIDE))
        elif path.as_posix() in present:
            chosen.append(path.as_posix())
        else:
            skips.add(Skip(name[:300], SkipReason.MISSING))
    return sorted(set(chosen))


def _matters(finding: Finding) -> bool:
    """A review is read by somebody who wants to merge: doubts and test data stay out."""
    return finding.severity is not Severity.INFO or (
        finding.confidence is not Confidence.LOW and not is_test_path(finding.file)
    )


def _is_new(one: Issue, changes: Changes) -> bool:
    lines = changes.lines.get(one.finding.file)
    if lines is None:
        return False
    return any(line in lines for line in range(one.finding.line, one.finding.end_line + 1))


def _output(
    issues: list[Issue], quality: Quality, testing: Testing, limits: Limits
) -> dict[str, Any]:
    result = score(issues, quality.lines)
    grades = count_by_grade(issues)
    in_security = sum(1 for one in issues if one.area is Area.SECURITY)
    paths = [function.complexity for function in quality.functions]
    worst = ", ".join(f"{number} {grade}" for grade, number in grades.items() if number) or "no"
    noun = "issue" if len(issues) == 1 else "issues"
    return {
        "score": result,
        "issues": [one.as_output() for one in issues[: limits.findings]],
        "issuesTotal": len(issues),
        "metrics": {
            "complexityScore": _complexity_score(quality),
            "testCoverage": testing.coverage,
            "securityIssues": in_security,
            "averageComplexity": round(sum(paths) / len(paths), 2) if paths else None,
            "highestComplexity": max(paths, default=None),
            "functions": len(paths),
            "linesOfCode": quality.lines,
        },
        "testCoverageNote": testing.note,
        "summary": {
            **grades,
            "total": len(issues),
            "text": f"Score {result} of 100: {worst} {noun} "
            f"in {counted(quality.code_files, 'source file')}.",
        },
    }


def _complexity_score(quality: Quality) -> float:
    """The percentage of code in functions that are not too complex; 100 without any function."""
    total = sum(function.lines for function in quality.functions)
    simple = sum(
        function.lines for function in quality.functions if function.complexity <= complexity.MINOR
    )
    return round(100 * simple / total, 1) if total else 100.0
