from typing import Any

import pytest

from commandcenter.approvals.check import CheckOutcome, CheckReport
from commandcenter.approvals.warnings import warnings

POSSIBLE = CheckOutcome.POSSIBLE


def test_the_agents_words_win_and_the_usual_names_are_taken() -> None:
    report = CheckReport.of(
        POSSIBLE,
        "it can be done",
        {
            "message": "it fits",
            "filesModified": ["a", "b"],
            "conflicts": [{"file": "a", "reason": "no"}, {"reason": "as a whole"}],
        },
    )
    assert report.message == "it fits"
    assert report.files == ("a", "b")
    assert [str(one) for one in report.conflicts] == ["a: no", "as a whole"]


@pytest.mark.parametrize(
    "outputs",
    [None, {}, {"message": 3, "filesModified": "a", "conflicts": {"a": 1}}, {"conflicts": ["a"]}],
)
def test_what_has_another_shape_is_left_out(outputs: dict[str, Any] | None) -> None:
    report = CheckReport.of(POSSIBLE, "it can be done", outputs)
    assert (report.message, report.files, report.conflicts) == ("it can be done", None, ())


def test_a_report_is_bounded_and_tells_the_totals() -> None:
    report = CheckReport.of(
        POSSIBLE,
        "",
        {
            "message": "m" * 10_000,
            "filesModified": ["f" * 10_000] * 1000,
            "conflicts": [{"file": "f" * 10_000, "reason": "r" * 10_000}] * 1000,
        },
    )
    assert len(str(report.to_json())) < 200_000
    assert (report.files_total, report.conflicts_total) == (1000, 1000)


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (CheckReport.of(POSSIBLE, "it fits", {"filesModified": ["a"]}), None),
        (CheckReport.of(POSSIBLE, "it fits"), None),
        (CheckReport.of(POSSIBLE, "nothing to do", {"filesModified": []}), "no file would change"),
        (CheckReport.of(CheckOutcome.UNKNOWN, "timed out"), "could not be checked beforehand"),
    ],
)
def test_what_people_are_warned_of(report: CheckReport, words: str | None) -> None:
    found = list(warnings({"agent": {}, "inputs": {}, "check": report.to_json()}))
    assert (words in found[0]) if words is not None else found == []
