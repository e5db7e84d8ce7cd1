import json

import pytest

from commandcenter.cli.problems import UsageProblemError
from commandcenter.cli.sarif import FailOn, failing, merge


def _log(*runs: dict[str, object]) -> str:
    return json.dumps({"version": "2.1.0", "runs": runs})


def test_runs_are_kept_apart_by_category() -> None:
    merged = merge(
        [
            ("w/a/x.sarif", _log({"results": []}, {"results": []})),
            ("w/b/y.sarif", _log({"results": [], "automationDetails": {"id": "own"}})),
        ]
    )
    assert merged["version"] == "2.1.0"
    ids = [run["automationDetails"]["id"] for run in merged["runs"]]
    assert ids == ["w/a/x.sarif/", "w/a/x.sarif/1/", "own"]
    assert merge([])["runs"] == []
    assert merge([("w/a/odd.sarif", "[]")])["runs"] == []


def test_what_is_no_json_is_an_error_naming_it() -> None:
    with pytest.raises(UsageProblemError, match=r"w/a/x\.sarif"):
        merge([("w/a/x.sarif", "{")])


def test_levels_come_from_the_result_its_rule_or_the_standard() -> None:
    rules = [{"id": "r", "defaultConfiguration": {"level": "error"}}, {"id": "s"}]
    merged = merge(
        [
            (
                "c",
                _log(
                    {
                        "tool": {"driver": {"rules": rules}},
                        "results": [
                            {"level": "note"},
                            {"ruleIndex": 0},
                            {"ruleIndex": 1},
                            {},
                            {"level": "error", "suppressions": [{"kind": "inSource"}]},
                        ],
                    }
                ),
            )
        ]
    )
    assert failing(merged, FailOn.CRITICAL) == 1
    assert failing(merged, FailOn.WARNING) == 3
