"""Style: ruff's rules about likely mistakes for Python, a few plain checks for every language."""

import re
from collections.abc import Iterator

from commandcenter_analysis.classify import is_test_path
from commandcenter_analysis.findings import Category, Confidence, Finding, Severity
from commandcenter_analysis.issues import Area, Grade, Issue, issue
from commandcenter_analysis.sast.ruff import RuffMessage

TOOL = "commandcenter-style"
# Mistakes rather than taste: unused and undefined names, comparisons, bare except, bugs.
RUFF_RULES = ("F", "E7", "E9", "B", "PLE", "W605", "RET503", "SIM115", "T100")
# A bare raise in a function called from a handler is right, and ruff cannot see that.
_LEFT_OUT = frozenset({"PLE0704"})
_MAJOR_RULES = (
    "F82",
    "F811",
    "F402",
    "F50",
    "F52",
    "F63",
    "F70",
    "B006",
    "B008",
    "B012",
    "B023",
    "PLE",
    "E9",
    "T100",
)
_NOT_IN_TESTS = ("B011", "B017", "S101", "F811")
_LONGEST_LINE = 200
_LONGEST_FILE = 1_500
_MOST_PER_FILE = 40
# Assembled so that this file is not one with a conflict in it.
_CONFLICT = re.compile(r"^(<{7}|>{7}) \S")
_DEBUG = {
    "javascript": (re.compile(r"^\s*debugger\s*;?\s*$"), "debugger"),
    "typescript": (re.compile(r"^\s*debugger\s*;?\s*$"), "debugger"),
    "tsx": (re.compile(r"^\s*debugger\s*;?\s*$"), "debugger"),
    "ruby": (re.compile(r"^\s*(binding\.pry|byebug)\s*$"), "a breakpoint"),
    "php": (re.compile(r"^\s*(var_dump|dd)\s*\("), "a dump of variables"),
}
_PROSE = frozenset({"", "vue"})


def style_issues(path: str, language: str, text: str) -> Iterator[Issue]:
    """Plain checks of one file's lines, bounded per file."""
    debug = _DEBUG.get(language)
    judges_length = language not in _PROSE and not is_test_path(path)
    long_lines: list[int] = []
    lines = text.split("\n")
    found = 0
    for number, line in enumerate(lines, 1):
        if _CONFLICT.match(line) and found < _MOST_PER_FILE:
            found += 1
            yield _style(
                "merge-conflict",
                Grade.BLOCKER,
                (path, number),
                "A merge conflict was committed. The file cannot work as it is.",
                "Resolve the conflict and remove the marks.",
            )
        elif debug and debug[0].match(line) and found < _MOST_PER_FILE:
            found += 1
            yield _style(
                "debugging-left",
                Grade.MAJOR,
                (path, number),
                f"{debug[1].capitalize()} was left in. It stops the program or shows its data.",
                "Remove it.",
            )
        elif len(line) > _LONGEST_LINE and judges_length:
            long_lines.append(number)
    if long_lines:
        yield _style(
            "line-too-long",
            Grade.MINOR,
            (path, long_lines[0]),
            f"{_lines(len(long_lines))} longer than {_LONGEST_LINE} characters. Nobody reads them "
            "to the end, and differences in them are hard to see.",
            "Break them up.",
        )
    if len(lines) > _LONGEST_FILE and judges_length:
        yield _style(
            "file-too-long",
            Grade.MINOR,
            (path, 1),
            f"The file has {len(lines)} lines. It likely does several things at once.",
            "Split it by what it is used for.",
        )


def _lines(number: int) -> str:
    return "One line is" if number == 1 else f"{number} lines are"


def ruff_style_issue(message: RuffMessage, *, in_tests: bool) -> Issue | None:
    """Grade one of ruff's messages; None when it says nothing of use here."""
    if message.code in _LEFT_OUT or (in_tests and message.code.startswith(_NOT_IN_TESTS)):
        return None
    grade = Grade.MAJOR if message.code.startswith(_MAJOR_RULES) else Grade.MINOR
    return issue(
        Area.STYLE,
        Grade.MINOR if in_tests else grade,
        Finding(
            message.code,
            "ruff",
            Severity.INFO,
            Confidence.HIGH,
            Category.CORRECTNESS,
            message.file,
            message.line,
            message.end_line,
            message.text.rstrip(".") + ".",
            f"Run `ruff rule {message.code}` for the reason and a better form.",
        ),
    )


def _style(rule: str, grade: Grade, place: tuple[str, int], message: str, suggestion: str) -> Issue:
    file, line = place
    return issue(
        Area.STYLE,
        grade,
        Finding(
            rule,
            TOOL,
            Severity.INFO,
            Confidence.HIGH,
            Category.STYLE,
            file,
            line,
            line,
            message,
            suggestion,
        ),
    )
