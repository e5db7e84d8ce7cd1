from datetime import UTC, datetime
from typing import Any

from commandcenter.runs.findings import (
    Finding,
    Level,
    Source,
    findings_in,
    gravest_first,
    without_repetition,
)


def _source(run: str = "run_1", project: str = "shop") -> Source:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Source(run, "scan", "nightly", "scanner", f"id-{project}", project, at)


def _found(*items: Any, source: Source | None = None) -> list[Finding]:
    return list(findings_in({"findings": list(items)}, source or _source()))


def test_only_what_has_the_form_that_agents_share_is_a_finding() -> None:
    found = _found(
        {"severity": "critical", "message": "a key", "file": "a.py", "line": 3, "ruleId": "K1"},
        {"severity": "critical"},
        {"severity": 3, "message": "no word"},
        "text",
        {"severity": "odd", "message": "m", "line": -1, "file": 7},
    )
    first, last = found

    assert (first.level, first.file, first.line, first.rule) == (Level.CRITICAL, "a.py", 3, "K1")
    assert (last.level, last.severity, last.file, last.line) == (Level.INFO, "odd", "", None)
    assert len({each.id for each in found}) == 2
    assert list(findings_in({"findings": "none", "score": 3}, _source())) == []


def test_the_words_of_all_agents_are_compared() -> None:
    outputs = {
        "violations": [{"severity": "warning", "message": "licence"}],
        "issues": [{"severity": "blocker", "message": "x"}, {"severity": "minor", "message": "y"}],
    }
    found = gravest_first(list(findings_in(outputs, _source())))

    assert [each.level for each in found] == [Level.CRITICAL, Level.WARNING, Level.INFO]


def test_what_two_runs_say_of_a_project_is_listed_once_as_the_newest_says_it() -> None:
    item = {"severity": "warning", "message": "m", "fingerprint": "f"}
    plain = {"severity": "warning", "message": "m"}
    newest = _found(item, plain, source=_source("run_2"))
    older = _found(item, plain, source=_source("run_1"))
    elsewhere = _found(item, source=_source("run_3", "other"))
    kept = without_repetition([*newest, *older, *elsewhere])

    assert [each.source.run_id for each in kept] == ["run_2", "run_2", "run_1", "run_3"]


def test_the_gravest_word_of_several_agents_counts_and_comes_first() -> None:
    key = {"message": "a key", "file": "z.py", "fingerprint": "k"}
    scanned = _found({**key, "severity": "critical"})
    reviewed = _found(
        {**key, "severity": "blocker"}, {"severity": "critical", "message": "sql", "file": "a.py"}
    )
    kept = gravest_first(without_repetition([*scanned, *reviewed]))

    assert [(each.severity, each.file) for each in kept] == [
        ("blocker", "z.py"),
        ("critical", "a.py"),
    ]


def test_texts_and_lists_of_agents_are_cut() -> None:
    long = {"severity": "w" * 9000, "message": "m" * 9000, "suggestion": "s" * 9000}
    found = _found(*[long] * 6000)

    assert len(found) == 5000
    assert (len(found[0].severity), len(found[0].message)) == (200, 2000)
