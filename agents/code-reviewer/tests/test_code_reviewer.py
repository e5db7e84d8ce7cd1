"""The code reviewer as the hub runs it."""

import json
from pathlib import Path

from agents.analysis.tests.planted import aws_key, commit, places, plant, run
from agents.analysis.tests.sarif_shape import check_sarif

AGENT = "code-reviewer"


def planted(root: Path) -> Path:
    return plant(
        root,
        {
            "a.py": 'def f(c, x):\n    return c.execute("SELECT a FROM t WHERE b = " + x)\n',
            "b.py": f'KEY = "{aws_key()}"\n',
            "test_a.py": "def test_nothing() -> None:\n    assert True\n",
        },
    )


def test_reviews_a_repository(tmp_path: Path) -> None:
    result = run(AGENT, planted(tmp_path))
    output = result.value
    assert places(output["issues"]) == [("S608", "a.py", 2), ("aws-access-key-id", "b.py", 1)]
    assert [issue["severity"] for issue in output["issues"]] == ["blocker", "critical"]
    assert {issue["category"] for issue in output["issues"]} == {"security"}
    assert output["score"] == 49
    assert output["metrics"]["testCoverage"] is None
    assert output["metrics"]["securityIssues"] == 2
    check_sarif(json.loads(result.artifacts["review.sarif"]))
    assert aws_key()[6:] not in json.dumps(output) + result.stdout


def test_reviews_a_change(tmp_path: Path) -> None:
    root = planted(tmp_path)
    commit(root)
    plant(root, {"c.py": "eval(x)\n"})
    output = run(AGENT, root, baseline="main").value
    assert places(output["issues"]) == [("F821", "c.py", 1), ("S307", "c.py", 1)]
    assert output["baseline"]["filesChanged"] == 1


def test_a_baseline_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    root = planted(tmp_path)
    commit(root)
    result = run(AGENT, root, baseline="release-9")
    assert (result.exit_code, result.output) == (1, None)
    assert "There is no commit, branch or tag 'release-9'" in result.stderr
    assert "Traceback" not in result.stderr
