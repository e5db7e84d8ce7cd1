"""Ruff's security rules, told in this product's words."""

from collections.abc import Sequence
from pathlib import Path

from commandcenter_analysis.classify import is_test_path
from commandcenter_analysis.findings import Confidence, Finding, Severity
from commandcenter_analysis.fingerprints import Fingerprints
from commandcenter_analysis.limits import Limits
from commandcenter_analysis.reading import NotReadError, read_file
from commandcenter_analysis.sast.advice import ADVICE, CONSTANT_COMMAND
from commandcenter_analysis.sast.ruff import RuffError, RuffMessage, run_ruff
from commandcenter_analysis.skips import Skip, SkipLog, SkipReason

TOOL = "ruff"


def scan_python(
    root: Path,
    descriptor: int,
    files: Sequence[str],
    skips: SkipLog,
    limits: Limits,
    *,
    seconds: float,
) -> list[Finding]:
    """The security findings in Python files; a file ruff could not parse goes to `skips`."""
    try:
        report = run_ruff(root, files, sorted(ADVICE), seconds=seconds)
    except RuffError as error:
        skips.add(Skip("*.py", SkipReason.CRASHED, str(error)))
        return []
    for file, problem in report.unparsed.items():
        skips.add(Skip(file, SkipReason.SYNTAX, problem[:200]))
    for file in report.unfinished:
        skips.add(Skip(file, SkipReason.TIMEOUT, "ruff did not finish"))
    by_file: dict[str, list[RuffMessage]] = {}
    for message in report.messages:
        by_file.setdefault(message.file, []).append(message)
    findings: list[Finding] = []
    for file, messages in by_file.items():
        if len(findings) + limits.findings_per_file > limits.findings_kept:
            skips.add(Skip(file, SkipReason.LIMIT, "there were too many findings before it"))
            continue
        lines = read_lines(descriptor, file, limits)
        fingerprints = Fingerprints()
        for message in messages[: limits.findings_per_file]:
            finding = _finding(message)
            if finding is not None:
                text = lines[message.line - 1] if message.line <= len(lines) else ""
                findings.append(fingerprints.stamp(finding, text))
    return findings


def read_lines(descriptor: int, file: str, limits: Limits) -> list[str]:
    """A file's lines for fingerprints; none when it can no longer be read."""
    try:
        data = read_file(descriptor, file, most=limits.file_bytes)
    except NotReadError:
        return []
    return data.decode(errors="replace").split("\n")


def _finding(message: RuffMessage) -> Finding | None:
    advice = ADVICE.get(message.code)
    if advice is None:
        return None
    severity, confidence = advice.severity, advice.confidence
    if is_test_path(message.file):
        if not advice.in_tests:
            return None
        severity = Severity.INFO
    if CONSTANT_COMMAND in message.text:
        severity, confidence = Severity.INFO, Confidence.LOW
    return Finding(
        rule_id=message.code,
        tool=TOOL,
        severity=severity,
        confidence=confidence,
        category=advice.category,
        file=message.file,
        line=message.line,
        end_line=message.end_line,
        message=advice.message,
        suggestion=advice.suggestion,
    )
