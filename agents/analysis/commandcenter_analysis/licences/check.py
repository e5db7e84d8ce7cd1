"""The licence check: the project's own licence, and everything in it that does not fit."""

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from commandcenter_analysis.classify import is_test_path
from commandcenter_analysis.findings import Category, Confidence, Finding, Severity
from commandcenter_analysis.fingerprints import Fingerprints
from commandcenter_analysis.licences.dependencies import dependency_findings
from commandcenter_analysis.licences.detect import Detected, Source, detect
from commandcenter_analysis.licences.matrix import Fit, judge
from commandcenter_analysis.licences.project import ProjectLicence, project_licence
from commandcenter_analysis.limits import Limits
from commandcenter_analysis.parallel import Failed, each
from commandcenter_analysis.reading import open_root
from commandcenter_analysis.skips import Skip, SkipLog
from commandcenter_analysis.walk import SourceFile

TOOL = "commandcenter-licences"
_FILES_PER_LICENCE = 20
_SEVERITIES = {
    Fit.CONFLICT: Severity.CRITICAL,
    Fit.UNKNOWN: Severity.WARNING,
    Fit.CONDITIONS: Severity.INFO,
}
_RULES = {
    Fit.CONFLICT: "licence-conflict",
    Fit.UNKNOWN: "licence-unknown",
    Fit.CONDITIONS: "licence-conditions",
}


def check_licences(
    root: Path, files: Sequence[SourceFile], limits: Limits, skips: SkipLog
) -> tuple[str, list[Finding]]:
    """The project's licence expression (may be empty) and what is wrong, by place."""
    vendored = {file.path for file in files if file.vendored}
    detected: list[Detected] = []
    descriptor = open_root(root)
    try:
        for path, result in each(
            [file.path for file in files],
            lambda path: detect(descriptor, path, limits),
            seconds_per_item=limits.seconds_per_file,
            seconds=limits.seconds / 2,
        ):
            if isinstance(result, Failed):
                skips.add(Skip(path, result.reason, result.detail))
            elif isinstance(result, Skip):
                skips.add(result)
            elif result is not None:
                detected.append(result)
    finally:
        os.close(descriptor)
    detected.sort(key=lambda found: found.file)
    project = project_licence(detected)
    fingerprints = Fingerprints()
    findings = [
        *_own(project),
        *_parts(project, detected, vendored),
        *dependency_findings(project.expression, detected, vendored),
    ]
    return project.expression, [
        fingerprints.stamp(finding, finding.message) for finding in findings
    ]


def licence_finding(
    rule: str,
    severity: Severity,
    file: str,
    line: int,
    message: str,
    suggestion: str,
    confidence: Confidence = Confidence.HIGH,
) -> Finding:
    return Finding(
        rule, TOOL, severity, confidence, Category.LICENCE, file, line, line, message, suggestion
    )


def _own(project: ProjectLicence) -> Iterator[Finding]:
    if project.unknown_text is not None:
        yield licence_finding(
            "project-licence-unknown",
            Severity.WARNING,
            project.unknown_text.file,
            1,
            "This is no licence text that is known here, so whether the parts of the project fit "
            "it cannot be told.",
            "Name the licence by its SPDX identifier in the manifest, or have this text reviewed.",
            Confidence.MEDIUM,
        )
    elif project.at is None:
        yield licence_finding(
            "project-licence-missing",
            Severity.WARNING,
            ".",
            1,
            "The project names no licence. Others may not use it, and whether its dependencies "
            "fit cannot be told.",
            "Add a LICENSE file and the licence's SPDX identifier to the manifest.",
        )
    elif project.contradicts_itself and project.manifest and project.text:
        yield licence_finding(
            "project-licence-contradiction",
            Severity.WARNING,
            project.manifest.file,
            project.manifest.line,
            f"The manifest says {project.manifest.expression}, but {project.text.file} is "
            f"{project.text.expression}. Nobody can tell which holds.",
            "Make them name the same licence.",
        )


def _parts(
    project: ProjectLicence, detected: Sequence[Detected], vendored: set[str]
) -> Iterator[Finding]:
    """Files and vendored packages whose own licence does not fit the project's."""
    by_licence: dict[tuple[str, Source], list[Detected]] = defaultdict(list)
    told = {
        _directory(found.file)
        for found in detected
        if found.source is Source.MANIFEST and found.expression
    }
    for found in detected:
        if (
            "/" not in found.file
            and found.source is not Source.NOTICE
            and found.source is not Source.TAG
        ):
            continue
        if found.source is Source.TEXT and _directory(found.file) in told:
            # The package's manifest speaks for the directory.
            continue
        if found.source is Source.MANIFEST and not found.expression:
            continue
        if found.expression:
            by_licence[(found.expression, found.source)].append(found)
        elif found.file in vendored:
            yield _unknown_part(found)
    for (expression, _), places in by_licence.items():
        judgement = judge(project.expression or "Unknown", expression)
        if judgement.fit is Fit.FINE:
            continue
        for found in places[:_FILES_PER_LICENCE]:
            severity = _severity(judgement.fit, found, vendored)
            yield licence_finding(
                _RULES[judgement.fit],
                severity,
                found.file,
                found.line,
                f"This part is under {expression}, as {found.source} says. {judgement.why}"
                + _more(len(places)),
                _WHAT_TO_DO[judgement.fit],
                Confidence.HIGH
                if found.source in {Source.TAG, Source.MANIFEST}
                else Confidence.MEDIUM,
            )


_WHAT_TO_DO = {
    Fit.CONFLICT: "Replace the part, keep it out of what is distributed, or change the project's "
    "licence; ask whoever answers for licences before you ship.",
    Fit.UNKNOWN: "Find out what the licence allows and record it.",
    Fit.CONDITIONS: "Keep its notices and offer its source with what you distribute.",
}


def _more(places: int) -> str:
    left = places - _FILES_PER_LICENCE
    return f" ({left} more such files are not listed.)" if left > 0 else ""


def _severity(fit: Fit, found: Detected, vendored: set[str]) -> Severity:
    severity = _SEVERITIES[fit]
    if is_test_path(found.file):
        return Severity.INFO
    own_package = found.source is Source.MANIFEST and found.file not in vendored
    # A package of its own inside the repository may well be distributed apart.
    return Severity.WARNING if own_package and severity is Severity.CRITICAL else severity


def _unknown_part(found: Detected) -> Finding:
    return licence_finding(
        "licence-unknown",
        Severity.WARNING,
        found.file,
        1,
        "The licence text of this vendored part is none that is known here, so whether it may be "
        "used cannot be told.",
        _WHAT_TO_DO[Fit.UNKNOWN],
        Confidence.MEDIUM,
    )


def _directory(path: str) -> str:
    return path.rpartition("/")[0]
