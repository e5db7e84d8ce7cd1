"""What can be said about the tests without running them."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from commandcenter_analysis.classify import is_test_code, language_of
from commandcenter_analysis.coverage import (
    REPORT_NAMES,
    CoverageError,
    CoverageReport,
    FileCoverage,
    read_report,
)
from commandcenter_analysis.findings import Category, Confidence, Finding, Severity
from commandcenter_analysis.fingerprints import Fingerprints
from commandcenter_analysis.issues import Area, Grade, Issue, issue
from commandcenter_analysis.limits import Limits
from commandcenter_analysis.reading import NotReadError, open_root, read_file
from commandcenter_analysis.skips import Skip, SkipLog, SkipReason

TOOL = "commandcenter-testing"
_GOOD = 80.0
_POOR = 50.0
_NEEDS_TESTS = 3
_MOST_REPORTS = 20


@dataclass(slots=True)
class Testing:
    """`coverage` is in percent of the reviewed files, None when no report tells."""

    issues: list[Issue] = field(default_factory=list)
    coverage: float | None = None
    note: str = ""


def check_testing(
    root: Path,
    files: Sequence[str],
    reviewed: Sequence[str],
    limits: Limits,
    skips: SkipLog,
    *,
    whole: bool,
) -> Testing:
    """Read the coverage report at hand, and see whether there are tests at all.

    `files` are all of the repository, `reviewed` those under review; `whole` says they are the
    same, so that the report's total holds.
    """
    testing = Testing()
    code = [path for path in files if language_of(path) and not is_test_code(path)]
    if len(code) >= _NEEDS_TESTS and not any(is_test_code(path) for path in files):
        testing.issues.append(
            _issue(
                "no-tests",
                Grade.MAJOR,
                (".", 1),
                f"The repository has {len(code)} source files and no test. Nothing tells when a "
                "change breaks it.",
                "Start with a test of the main path, and one for each bug that is fixed.",
            )
        )
    report = _report(root, files, limits, skips)
    if report is None:
        testing.note = (
            "No coverage report was found (coverage.json, Cobertura XML, lcov or Istanbul JSON), "
            "and tests are not run here, so the coverage is not known."
        )
        return testing
    testing.coverage = report.percent(None if whole else reviewed)
    testing.note = f"Read from {report.file}."
    if testing.coverage is None:
        testing.note += " It says nothing about the reviewed files."
        return testing
    if whole:
        testing.issues.extend(_total(report, testing.coverage))
    else:
        for path in reviewed:
            coverage = report.of(path)
            if coverage is not None:
                testing.issues.extend(_file(path, coverage))
    return testing


def _report(
    root: Path, files: Sequence[str], limits: Limits, skips: SkipLog
) -> CoverageReport | None:
    candidates = [path for path in files if path.rpartition("/")[2] in REPORT_NAMES]
    candidates.sort(key=lambda path: (path.count("/"), path))
    descriptor = open_root(root)
    try:
        for path in candidates[:_MOST_REPORTS]:
            try:
                text = read_file(descriptor, path, most=limits.file_bytes).decode(errors="replace")
                return read_report(path, text)
            except NotReadError as error:
                skips.add(Skip(path, error.reason, error.detail))
            except CoverageError as error:
                skips.add(Skip(path, SkipReason.SYNTAX, str(error)))
    finally:
        os.close(descriptor)
    return None


def _total(report: CoverageReport, percent: float) -> list[Issue]:
    if percent >= _GOOD:
        return []
    return [
        _issue(
            "low-coverage",
            Grade.MAJOR if percent < _POOR else Grade.MINOR,
            (report.file, 1),
            f"The tests run {percent:g} % of the lines. What the rest does is not checked.",
            f"Cover the most used of the missed lines first; {_GOOD:g} % is a common aim.",
        )
    ]


def _file(path: str, coverage: FileCoverage) -> list[Issue]:
    counted = len(coverage.covered) + len(coverage.missed)
    percent = 100 * len(coverage.covered) / counted if counted else 100.0
    if percent >= _GOOD:
        return []
    return [
        _issue(
            "low-coverage",
            Grade.MAJOR if percent < _POOR else Grade.MINOR,
            (path, min(coverage.missed)),
            f"The tests run {percent:.0f} % of this file's lines; {len(coverage.missed)} are "
            "missed, from here on.",
            "Add tests for the missed lines.",
        )
    ]


def _issue(rule: str, grade: Grade, place: tuple[str, int], message: str, suggestion: str) -> Issue:
    file, line = place
    finding = Finding(
        rule,
        TOOL,
        Severity.INFO,
        Confidence.HIGH,
        Category.TESTING,
        file,
        line,
        line,
        message,
        suggestion,
    )
    return issue(Area.TESTING, grade, Fingerprints().stamp(finding, rule))
