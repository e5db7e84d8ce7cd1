"""Own security rules as syntax patterns, run by ast-grep on one file at a time."""

from dataclasses import dataclass, field
from typing import Any

from ast_grep_py import SgNode, SgRoot

from commandcenter_analysis.classify import is_test_path
from commandcenter_analysis.findings import Finding, Severity
from commandcenter_analysis.fingerprints import Fingerprints
from commandcenter_analysis.sast.go import GO_RULES
from commandcenter_analysis.sast.javascript import JAVASCRIPT_RULES
from commandcenter_analysis.sast.python import PYTHON_RULES
from commandcenter_analysis.sast.rule import PatternRule
from commandcenter_analysis.skips import Skip, SkipReason

TOOL = "commandcenter-patterns"

RULES: dict[str, tuple[PatternRule, ...]] = {
    "javascript": JAVASCRIPT_RULES,
    "typescript": JAVASCRIPT_RULES,
    "tsx": JAVASCRIPT_RULES,
    "go": GO_RULES,
    "python": PYTHON_RULES,
}


@dataclass(frozen=True, slots=True)
class PatternResult:
    findings: list[Finding] = field(default_factory=list)
    skip: Skip | None = None
    """Set when the file is no code of its language."""


def scan_patterns(
    path: str, language: str, text: str, fingerprints: Fingerprints, *, most: int = 200
) -> PatternResult:
    """The findings in one file, by place, at most `most`."""
    rules = [
        rule
        for rule in RULES.get(language, ())
        if any(keyword in text for keyword in rule.keywords)
    ]
    if not rules:
        return PatternResult()
    root = SgRoot(text, language).root()
    lines = text.split("\n")
    in_tests = is_test_path(path)
    findings: list[Finding] = []
    for rule in rules:
        if in_tests and not rule.in_tests:
            continue
        config: Any = {
            "rule": rule.rule,
            **({"constraints": rule.constraints} if rule.constraints else {}),
        }
        for node in root.find_all(config):
            if len(findings) >= most:
                return PatternResult(findings)
            findings.append(_finding(rule, path, node, lines, fingerprints, in_tests=in_tests))
    skip = Skip(path, SkipReason.SYNTAX, f"no {language}") if _is_rubble(root) else None
    return PatternResult(findings, skip)


def _finding(
    rule: PatternRule,
    path: str,
    node: SgNode,
    lines: list[str],
    fingerprints: Fingerprints,
    *,
    in_tests: bool,
) -> Finding:
    span = node.range()
    line = span.start.line + 1
    return fingerprints.stamp(
        Finding(
            rule_id=rule.id,
            tool=TOOL,
            severity=Severity.INFO if in_tests else rule.severity,
            confidence=rule.confidence,
            category=rule.category,
            file=path,
            line=line,
            end_line=max(line, span.end.line + 1),
            message=rule.message,
            suggestion=rule.suggestion,
        ),
        lines[line - 1] if line <= len(lines) else "",
    )


def _is_rubble(root: SgNode) -> bool:
    """Whether the parser gave up at the top: then finding nothing means nothing."""
    return root.kind() == "ERROR"
