"""Complexity and style of the reviewed files."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from commandcenter_analysis import complexity
from commandcenter_analysis.classify import is_test_path
from commandcenter_analysis.complexity import Function, Measure
from commandcenter_analysis.findings import Category, Confidence, Finding, Severity
from commandcenter_analysis.fingerprints import Fingerprints
from commandcenter_analysis.issues import Area, Grade, Issue, issue
from commandcenter_analysis.limits import Limits
from commandcenter_analysis.parallel import Failed, each
from commandcenter_analysis.reading import open_root
from commandcenter_analysis.sast.python_files import read_lines
from commandcenter_analysis.sast.ruff import RuffError, run_ruff
from commandcenter_analysis.scope import read_content
from commandcenter_analysis.skips import Skip, SkipLog, SkipReason
from commandcenter_analysis.style import RUFF_RULES, ruff_style_issue, style_issues

_LONGEST_FUNCTION = 150
_MOST_PARAMETERS = 7
_RUFF_PER_FILE = 60


@dataclass(slots=True)
class Quality:
    issues: list[Issue] = field(default_factory=list)
    functions: list[Function] = field(default_factory=list)
    lines: int = 0
    code_files: int = 0


@dataclass(frozen=True, slots=True)
class _FileQuality:
    language: str
    measure: Measure
    issues: tuple[Issue, ...]
    skip: Skip | None


def check_quality(
    root: Path, paths: Sequence[str], limits: Limits, skips: SkipLog, *, seconds: float
) -> Quality:
    """Measure and check `paths`, relative to `root`. Generated code is left alone."""
    quality = Quality()
    python: list[str] = []
    descriptor = open_root(root)
    try:
        for path, result in each(
            paths,
            lambda path: _check(descriptor, path, limits),
            seconds_per_item=limits.seconds_per_file,
            seconds=seconds,
        ):
            if isinstance(result, Failed):
                skips.add(Skip(path, result.reason, result.detail))
                continue
            if isinstance(result, Skip):
                skips.add(result)
                continue
            if result.skip is not None:
                skips.add(result.skip)
            if len(quality.issues) + len(result.issues) > limits.findings_kept:
                skips.add(Skip(path, SkipReason.LIMIT, "there were too many issues before it"))
                continue
            quality.issues.extend(result.issues)
            quality.functions.extend(result.measure.functions)
            quality.lines += result.measure.lines
            quality.code_files += bool(result.language)
            if result.language == "python":
                python.append(path)
        quality.issues.extend(_ruff(root, descriptor, sorted(python), limits, skips, seconds))
    finally:
        os.close(descriptor)
    return quality


def _check(root: int, path: str, limits: Limits) -> _FileQuality | Skip:
    content = read_content(root, path, limits)
    if isinstance(content, Skip):
        return content
    if content.generated or content.skip is not None:
        skip = content.skip or Skip(path, SkipReason.GENERATED, "not judged by style")
        return _FileQuality("", Measure(), (), skip)
    language, text = content.language, content.text
    fingerprints = Fingerprints()
    lines = text.split("\n")
    issues = [
        Issue(
            one.area,
            one.grade,
            fingerprints.stamp(one.finding, lines[one.finding.line - 1]),
        )
        for one in style_issues(path, language, text)
    ]
    measure = Measure()
    if language in complexity.MEASURED:
        measure = complexity.measure(path, text)
        issues.extend(_complexity_issues(path, measure, fingerprints))
    return _FileQuality(language, measure, tuple(issues), None)


def _complexity_issues(path: str, measure: Measure, fingerprints: Fingerprints) -> Iterator[Issue]:
    in_tests = is_test_path(path)
    for function in measure.functions:
        judged = _judge(function)
        if judged is None:
            continue
        rule, grade, message, suggestion = judged
        if in_tests and grade is Grade.MINOR:
            continue
        finding = Finding(
            rule,
            "lizard",
            Severity.INFO,
            Confidence.HIGH,
            Category.COMPLEXITY,
            path,
            max(1, function.start),
            max(1, function.end),
            message,
            suggestion,
        )
        yield issue(
            Area.COMPLEXITY,
            Grade.MINOR if in_tests else grade,
            fingerprints.stamp(finding, function.name),
        )


def _judge(function: Function) -> tuple[str, Grade, str, str] | None:
    paths = function.complexity
    if paths > complexity.MINOR:
        grade = Grade.MAJOR if paths > complexity.MAJOR else Grade.MINOR
        return (
            "complex-function",
            grade,
            f"{function.name} has {paths} paths through it (more than {complexity.MINOR} are hard "
            "to follow). Each of them wants a test, and a change to one easily breaks another.",
            "Take parts with a purpose of their own out into functions, and return early.",
        )
    if function.lines > _LONGEST_FUNCTION:
        return (
            "long-function",
            Grade.MINOR,
            f"{function.name} has {function.lines} lines of code. It cannot be seen at once.",
            "Split it into steps with names.",
        )
    if function.parameters > _MOST_PARAMETERS:
        return (
            "many-parameters",
            Grade.MINOR,
            f"{function.name} takes {function.parameters} parameters. Callers mix them up.",
            "Group those that belong together.",
        )
    return None


def _ruff(
    root: Path,
    descriptor: int,
    files: Sequence[str],
    limits: Limits,
    skips: SkipLog,
    seconds: float,
) -> Iterator[Issue]:
    try:
        report = run_ruff(root, files, RUFF_RULES, seconds=seconds)
    except RuffError as error:
        skips.add(Skip("*.py", SkipReason.CRASHED, str(error)))
        return
    for file, problem in report.unparsed.items():
        skips.add(Skip(file, SkipReason.SYNTAX, problem[:200]))
    for file in report.unfinished:
        skips.add(Skip(file, SkipReason.TIMEOUT, "ruff did not finish"))
    current, lines, told = "", [""], 0
    fingerprints = Fingerprints()
    for message in sorted(report.messages, key=lambda one: (one.file, one.line)):
        if message.file != current:
            current, told = message.file, 0
            lines = read_lines(descriptor, message.file, limits)
        found = ruff_style_issue(message, in_tests=is_test_path(message.file))
        if found is None or told >= _RUFF_PER_FILE:
            continue
        told += 1
        text = lines[message.line - 1] if message.line <= len(lines) else ""
        yield Issue(found.area, found.grade, fingerprints.stamp(found.finding, text))
