"""The licences of what the project depends on, as far as they can be known offline."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from commandcenter_analysis.classify import is_test_path
from commandcenter_analysis.findings import Category, Confidence, Finding, Severity
from commandcenter_analysis.licences.detect import Detected
from commandcenter_analysis.licences.known import KNOWN
from commandcenter_analysis.licences.manifests import Dependency
from commandcenter_analysis.licences.matrix import Fit, judge

TOOL = "commandcenter-licences"
_NAMED = 8


def dependency_findings(
    project: str, detected: Sequence[Detected], vendored: set[str]
) -> Iterator[Finding]:
    """Conflicts one by one, conditions and unknowns together per file."""
    known_elsewhere = _licences_at_hand(detected)
    for found in detected:
        if found.manifest is None or not found.manifest.dependencies or found.file in vendored:
            continue
        yield from _of_file(project, found, known_elsewhere)


def _licences_at_hand(detected: Sequence[Detected]) -> dict[tuple[str, str], str]:
    """Licences that lock files and vendored packages name, by ecosystem and name."""
    licences = dict(KNOWN)
    for found in detected:
        if found.manifest is None:
            continue
        for dependency in found.manifest.dependencies:
            if dependency.licence:
                licences[(dependency.ecosystem, dependency.name)] = dependency.licence
        if found.expression and found.manifest.name:
            ecosystem = {"package.json": "npm", "METADATA": "pypi", "PKG-INFO": "pypi"}.get(
                found.file.rpartition("/")[2], ""
            )
            licences[(ecosystem, found.manifest.name)] = found.expression
    return licences


def _of_file(project: str, found: Detected, known: dict[tuple[str, str], str]) -> Iterator[Finding]:
    if found.manifest is None:
        return
    unknown: list[str] = []
    conditions: dict[str, list[str]] = defaultdict(list)
    for dependency in found.manifest.dependencies:
        licence = dependency.licence or known.get((dependency.ecosystem, dependency.name), "")
        if not licence:
            unknown.append(dependency.name)
            continue
        judgement = judge(project or "Unknown", licence)
        if judgement.fit is Fit.CONDITIONS:
            conditions[licence].append(dependency.name)
        elif judgement.fit is not Fit.FINE:
            yield _conflict(found, dependency, licence, judgement.fit, judgement.why)
    for licence, names in conditions.items():
        yield _finding(
            "dependency-licence-conditions",
            Severity.INFO,
            found,
            1,
            f"{_count(names)} under {licence}: {_some(names)}. The licence lets you use it, but "
            "asks that its notices be kept and its source be had.",
            "Keep the notices; offer the source of that part with what you distribute.",
            Confidence.MEDIUM,
        )
    unknown = sorted(set(unknown))
    if unknown:
        yield _finding(
            "dependency-licence-not-checked",
            Severity.INFO,
            found,
            1,
            f"The licences of {_count(unknown)} cannot be told offline, as this file does not name "
            f"them: {_some(unknown)}.",
            "Check them where the packages are installed, or commit a lock file that names them.",
            Confidence.HIGH,
        )


def _conflict(found: Detected, dependency: Dependency, licence: str, fit: Fit, why: str) -> Finding:
    severity = Severity.CRITICAL if fit is Fit.CONFLICT else Severity.WARNING
    note = ""
    if dependency.development or is_test_path(found.file):
        severity, note = Severity.INFO, " It is used for development only."
    told_here = bool(dependency.licence)
    if not told_here:
        note += " Its licence is from a built-in list; a newer version may have another."
    return _finding(
        "dependency-licence-conflict" if fit is Fit.CONFLICT else "dependency-licence-unknown",
        severity,
        found,
        dependency.line,
        f"The dependency {dependency.name} is under {licence}. {why}{note}",
        "Replace it by a package with another licence, or ask whoever answers for licences.",
        Confidence.HIGH if told_here else Confidence.MEDIUM,
    )


def _finding(
    rule: str,
    severity: Severity,
    found: Detected,
    line: int,
    message: str,
    suggestion: str,
    confidence: Confidence,
) -> Finding:
    return Finding(
        rule,
        TOOL,
        severity,
        confidence,
        Category.LICENCE,
        found.file,
        line,
        line,
        message,
        suggestion,
    )


def _count(names: list[str]) -> str:
    return "1 dependency" if len(names) == 1 else f"{len(names)} dependencies"


def _some(names: list[str]) -> str:
    shown = ", ".join(sorted(names)[:_NAMED])
    return shown if len(names) <= _NAMED else f"{shown} and {len(names) - _NAMED} more"
