"""SARIF 2.1.0, the format code hosts and editors read findings in."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from commandcenter_analysis.findings import Confidence, Finding, Severity

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {Severity.CRITICAL: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
# The scale code hosts sort by: CVSS-like, 0 to 10.
_SECURITY_SEVERITY = {Severity.CRITICAL: "9.0", Severity.WARNING: "6.0", Severity.INFO: "2.0"}
_PRECISION = {
    Confidence.HIGH: "high",
    Confidence.MEDIUM: "medium",
    Confidence.LOW: "low",
}
_NO_SECURITY = frozenset({"complexity", "style", "testing", "correctness", "licence"})


@dataclass(frozen=True, slots=True)
class Driver:
    """The agent that made the report."""

    name: str
    version: str


def write_sarif(
    path: Path, driver: Driver, findings: Sequence[Finding], *, incomplete: bool
) -> None:
    """Write one run with the findings in the given order."""
    path.write_text(
        json.dumps(sarif_log(driver, findings, incomplete=incomplete), indent=1) + "\n",
        encoding="utf-8",
    )


def sarif_log(driver: Driver, findings: Sequence[Finding], *, incomplete: bool) -> dict[str, Any]:
    """The log as a JSON value; `incomplete` is told in the invocation, as the standard has it."""
    indexes: dict[str, int] = {}
    rules: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    for finding in findings:
        if finding.rule_id not in indexes:
            indexes[finding.rule_id] = len(rules)
            rules.append(_rule(finding))
        results.append(_result(finding, indexes[finding.rule_id]))
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": driver.name,
                        "semanticVersion": driver.version,
                        "rules": rules,
                    }
                },
                "columnKind": "unicodeCodePoints",
                "invocations": [
                    {
                        "executionSuccessful": True,
                        "toolExecutionNotifications": [
                            {
                                "level": "warning",
                                "message": {
                                    "text": "Some files were not analysed; see filesSkipped in "
                                    "the output."
                                },
                            }
                        ]
                        if incomplete
                        else [],
                    }
                ],
                "results": results,
            }
        ],
    }


def _rule(finding: Finding) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "tags": [finding.category.value],
        "precision": _PRECISION[finding.confidence],
    }
    if finding.category.value not in _NO_SECURITY:
        properties["tags"].append("security")
        properties["security-severity"] = _SECURITY_SEVERITY[finding.severity]
    return {
        "id": finding.rule_id,
        "name": finding.rule_id,
        "shortDescription": {"text": finding.message.partition(". ")[0][:200] or finding.rule_id},
        "help": {"text": finding.suggestion or finding.message},
        "defaultConfiguration": {"level": _LEVELS[finding.severity]},
        "properties": properties,
    }


def _result(finding: Finding, rule_index: int) -> dict[str, Any]:
    text = f"{finding.message} {finding.suggestion}".strip()
    return {
        "ruleId": finding.rule_id,
        "ruleIndex": rule_index,
        "level": _LEVELS[finding.severity],
        "message": {"text": text},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": quote(finding.file), "uriBaseId": "%SRCROOT%"},
                    "region": {
                        "startLine": max(1, finding.line),
                        "endLine": max(1, finding.line, finding.end_line),
                    },
                }
            }
        ],
        "partialFingerprints": {"commandcenter/v1": finding.fingerprint},
    }
