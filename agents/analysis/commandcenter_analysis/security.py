"""Secrets and SAST over a list of files: the part that all three agents share."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from commandcenter_analysis.findings import Finding, without_doubles
from commandcenter_analysis.fingerprints import Fingerprints
from commandcenter_analysis.limits import Limits
from commandcenter_analysis.parallel import Failed, each
from commandcenter_analysis.reading import open_root
from commandcenter_analysis.scope import read_content
from commandcenter_analysis.secrets.engine import SecretScanner
from commandcenter_analysis.skips import Skip, SkipLog, SkipReason

Progress = Callable[[float, str], None]


def no_progress(_fraction: float, _message: str) -> None:
    """For callers that have nobody to tell."""


@dataclass(frozen=True, slots=True)
class SecurityChecks:
    """Which checks to run."""

    secrets: bool = True
    code: bool = True


@dataclass(slots=True)
class SecurityReport:
    findings: list[Finding] = field(default_factory=list)
    files_scanned: int = 0


@dataclass(frozen=True, slots=True)
class _FileReport:
    findings: list[Finding]
    language: str
    skip: Skip | None
    scanned: bool


def scan_files(
    root: Path,
    paths: Sequence[str],
    checks: SecurityChecks,
    limits: Limits,
    skips: SkipLog,
    *,
    progress: Progress = no_progress,
) -> SecurityReport:
    """Run the checks over `paths`, relative to `root`; what could not be checked is in `skips`."""
    started = time.monotonic()
    report = SecurityReport()
    python: list[str] = []
    descriptor = open_root(root)
    try:
        check = _file_check(descriptor, checks, limits)
        done = 0
        for path, result in each(
            paths, check, seconds_per_item=limits.seconds_per_file, seconds=limits.seconds / 2
        ):
            done += 1
            if done % 2_000 == 0:
                progress(done / len(paths), f"{done} of {len(paths)} files searched")
            if isinstance(result, Failed):
                skips.add(Skip(path, result.reason, result.detail))
                continue
            if len(report.findings) + len(result.findings) > limits.findings_kept:
                skips.add(Skip(path, SkipReason.LIMIT, "there were too many findings before it"))
                continue
            report.findings.extend(result.findings)
            report.files_scanned += result.scanned
            if result.skip is not None:
                skips.add(result.skip)
            if result.language == "python" and checks.code:
                python.append(path)
        if python:
            # Imported here: a scan for secrets alone needs no parser.
            from commandcenter_analysis.sast.python_files import scan_python  # noqa: PLC0415

            left = limits.seconds - (time.monotonic() - started)
            report.findings.extend(
                scan_python(root, descriptor, sorted(python), skips, limits, seconds=max(5.0, left))
            )
    finally:
        os.close(descriptor)
    report.findings = without_doubles(report.findings)
    return report


def _file_check(root: int, checks: SecurityChecks, limits: Limits) -> Callable[[str], _FileReport]:
    scanner = SecretScanner(findings_per_file=limits.findings_per_file) if checks.secrets else None
    if checks.code:
        # Loaded before the workers are forked, so that they share it.
        from commandcenter_analysis.sast.patterns import scan_patterns  # noqa: PLC0415

    def check(path: str) -> _FileReport:
        content = read_content(root, path, limits)
        if isinstance(content, Skip):
            return _FileReport([], "", content, scanned=False)
        fingerprints = Fingerprints()
        findings: list[Finding] = []
        skip = content.skip if checks.code else None
        if scanner is not None:
            findings.extend(scanner.scan(path, content.data, fingerprints))
            if len(findings) >= limits.findings_per_file:
                skip = Skip(path, SkipReason.LIMIT, f"more than {len(findings)} secrets in it")
        if checks.code and content.language:
            result = scan_patterns(
                path,
                content.language,
                content.text,
                fingerprints,
                most=limits.findings_per_file,
            )
            findings.extend(result.findings)
            skip = skip or result.skip
        return _FileReport(findings, content.language, skip, scanned=True)

    return check
