"""The compliance check of a whole repository: licences, HTTP headers, secrets."""

import os
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from commandcenter_analysis.classify import is_test_path
from commandcenter_analysis.findings import (
    Category,
    Confidence,
    Finding,
    Severity,
    count_by_severity,
    in_order,
)
from commandcenter_analysis.fingerprints import Fingerprints
from commandcenter_analysis.headers.check import check_headers
from commandcenter_analysis.licences.check import check_licences
from commandcenter_analysis.licences.detect import tells_a_licence
from commandcenter_analysis.limits import DEFAULT_LIMITS, Limits
from commandcenter_analysis.reading import open_root
from commandcenter_analysis.report import counted, first, passed, scan_facts
from commandcenter_analysis.scope import read_content
from commandcenter_analysis.secrets.environment_files import (
    holds_a_credential,
    is_environment_file,
    settings_with_values,
)
from commandcenter_analysis.security import Progress, SecurityChecks, no_progress, scan_files
from commandcenter_analysis.skips import Skip, SkipReason
from commandcenter_analysis.walk import Tree, walk

_NAMES_SHOWN = 5


class Rule(StrEnum):
    """The rules a caller can select."""

    LICENSES = "licenses"
    SECURITY = "security"
    SECRETS = "secrets"


@dataclass(frozen=True, slots=True)
class ComplianceCheck:
    """All violations in order, worst first, and the output built from them."""

    findings: list[Finding]
    output: dict[str, Any]


def check_compliance(
    root: Path,
    rules: Collection[Rule],
    limits: Limits = DEFAULT_LIMITS,
    *,
    progress: Progress = no_progress,
) -> ComplianceCheck:
    """Check the repository below `root` by the given rules. Reads only."""
    tree = walk(root, limits, wanted_when_vendored=tells_a_licence)
    own = [file.path for file in tree.files if not file.vendored]
    progress(0.1, f"{counted(len(own), 'file')} to look at")
    by_rule: dict[Rule, list[Finding]] = {}
    licence = ""
    if Rule.LICENSES in rules:
        licence, by_rule[Rule.LICENSES] = check_licences(root, tree.files, limits, tree.skips)
        progress(0.4, "licences checked")
    if Rule.SECURITY in rules:
        by_rule[Rule.SECURITY] = check_headers(root, tree.files, limits, tree.skips)
        progress(0.6, "HTTP security headers checked")
    if Rule.SECRETS in rules:
        by_rule[Rule.SECRETS] = [
            *scan_files(root, own, SecurityChecks(code=False), limits, tree.skips).findings,
            *_environment_files(tree, limits),
        ]
    rule_of = {id(finding): rule for rule, found in by_rule.items() for finding in found}
    findings = in_order(finding for found in by_rule.values() for finding in found)
    violations = [
        {"rule": rule_of[id(finding)].value, **finding.as_output()}
        for finding in first(findings, limits)
    ]
    looked_at = max(0, len(own) - tree.skips.counts[SkipReason.BINARY])
    counts = count_by_severity(findings)
    output: dict[str, Any] = {
        "passed": passed(findings, tree.skips),
        "violations": violations,
        "violationsTotal": len(findings),
        "rules": [rule.value for rule in Rule if rule in rules],
        "summary": {
            **counts,
            "total": len(findings),
            "text": f"{counted(counts['critical'], 'critical violation')}, "
            f"{counted(counts['warning'], 'warning')} and {counts['info']} for information in "
            f"{counted(looked_at, 'file')}."
            + (" Some files could not be checked." if tree.skips.incomplete else ""),
        },
        **scan_facts(looked_at, tree.skips),
    }
    if Rule.LICENSES in rules:
        output["projectLicense"] = licence or None
    return ComplianceCheck(findings, output)


def _environment_files(tree: Tree, limits: Limits) -> list[Finding]:
    findings: list[Finding] = []
    descriptor = open_root(tree.root)
    fingerprints = Fingerprints()
    try:
        for file in tree.files:
            if file.vendored or not is_environment_file(file.path):
                continue
            content = read_content(descriptor, file.path, limits)
            names = [] if isinstance(content, Skip) else settings_with_values(content.text)
            if names:
                findings.append(
                    fingerprints.stamp(_environment_file(file.path, names), "environment file")
                )
    finally:
        os.close(descriptor)
    return findings


def _environment_file(path: str, names: list[str]) -> Finding:
    shown = ", ".join(names[:_NAMES_SHOWN]) + (" and others" if len(names) > _NAMES_SHOWN else "")
    sensitive = any(holds_a_credential(name) for name in names)
    return Finding(
        "environment-file",
        "commandcenter-secrets",
        Severity.WARNING if sensitive and not is_test_path(path) else Severity.INFO,
        Confidence.MEDIUM,
        Category.SECRET,
        path,
        1,
        1,
        f"An environment file with {counted(len(names), 'value')} lies in the repository's folder "
        f"({shown}). Such files hold credentials, and once committed they stay in the history.",
        "Keep it out of git (.gitignore), commit a .env.example without values, and renew what "
        "was committed.",
    )
