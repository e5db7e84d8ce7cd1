import io
from typing import Any

import pytest
from rich.console import Console

from commandcenter.cli.durations import clock
from commandcenter.cli.run_lines import LineView, step_words
from commandcenter.cli.run_summary import show_restore, top_findings
from commandcenter.cli.run_tree import tree_rows
from commandcenter.cli.session import Cli, GlobalOptions


def _step(node: str, *needs: str, **more: Any) -> dict[str, Any]:
    return {
        "node": node,
        "agent": "pretend",
        "agent_version": "1.0.0",
        "needs": list(needs),
        "state": "pending",
        "reason": None,
        "message": "",
        "inputs": None,
        "outputs": None,
        "approval_id": None,
        "reused_from": None,
        "retry_at": None,
        "started_at": None,
        "finished_at": None,
        "attempts": [],
        **more,
    }


def _run(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "id": "run_1",
        "workflow_name": "w",
        "workflow_version": 1,
        "project": None,
        "state": "running",
        "started_at": None,
        "created_at": "2026-01-01T00:00:00Z",
        "steps": list(steps),
        "approvals": [],
        **more,
    }


def test_a_diamond_hangs_below_the_last_of_what_it_needs() -> None:
    rows = tree_rows([_step("a"), _step("b", "a"), _step("c", "a"), _step("d", "b", "c")])
    assert [(row.step["node"], row.depth, row.also_needs) for row in rows] == [
        ("a", 0, ()),
        ("b", 1, ()),
        ("c", 1, ()),
        ("d", 2, ("b",)),
    ]
    assert [row.prefix for row in rows] == ["  ", "  ├─ ", "  └─ ", "     └─ "]


def test_a_chain_deeper_than_the_stack_and_a_wide_graph() -> None:
    chain = [_step("n0")] + [_step(f"n{i}", f"n{i - 1}") for i in range(1, 3000)]
    assert tree_rows(chain)[-1].depth == 2999
    wide = [_step("root"), *(_step(f"w{i}", "root") for i in range(5000))]
    assert len(tree_rows(wide)) == 5001
    assert tree_rows([]) == []


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"state": "skipped", "message": "its condition is false"}, "its condition is false"),
        ({"state": "failed", "reason": "timeout"}, "timeout"),
        ({"state": "succeeded", "reused_from": "run_0"}, "result of run_0"),
        ({"state": "running", "attempts": [{}, {}]}, "attempt 2"),
        ({"state": "waiting", "approval_id": "apr_1"}, "waiting for an approval"),
    ],
)
def test_a_step_in_words(more: dict[str, Any], words: str) -> None:
    assert words in step_words(_step("n", **more))


def test_lines_tell_each_change_once() -> None:
    stream = io.StringIO()
    view = LineView(Console(file=stream, width=200, highlight=False), None)
    failed = {
        "id": "att_1",
        "number": 1,
        "state": "failed",
        "reason": "exit_code",
        "message": "The program exited with 75.",
        "created_at": "2026-01-01T00:00:00Z",
        "finished_at": "2026-01-01T00:00:01Z",
    }
    retrying = _step("n", state="running", attempts=[failed], retry_at="2026-01-01T00:00:09Z")
    for _ in range(3):
        view.update(_run(retrying))
    done = _step("n", state="succeeded", attempts=[failed, {**failed, "id": "att_2"}])
    view.update(_run(done))
    lines = stream.getvalue().splitlines()
    assert sum("attempt 1 failed (The program exited with 75.), next at" in x for x in lines) == 1
    assert sum("succeeded" in line for line in lines) == 1
    assert sum("run_1" in line for line in lines) == 1


def test_what_happened_before_it_was_looked_at_is_dated_when_it_happened() -> None:
    stream = io.StringIO()
    view = LineView(Console(file=stream, width=200, highlight=False), None)
    asked = {"id": "apr_1", "state": "decided", "created_at": "2026-01-01T00:00:02Z"}
    waiting = _step("gate", state="waiting", approval_id="apr_1")
    tried = [
        {"id": f"att_{n}", "state": "running", "created_at": f"2026-01-01T00:00:0{n}Z"}
        for n in (3, 4)
    ]
    again = _step("n", state="running", started_at="2026-01-01T00:00:03Z", attempts=tried)

    view.update(_run(waiting, again, approvals=[asked]))

    times = {line.split()[2]: line.split()[0] for line in stream.getvalue().splitlines()}
    assert times["gate"] == clock("2026-01-01T00:00:02Z")
    assert times["n"] == clock("2026-01-01T00:00:04Z")


def test_a_step_that_cannot_begin_tells_why_once() -> None:
    stream = io.StringIO()
    view = LineView(Console(file=stream, width=200, highlight=False), None)
    message, retry_at = "Not started: the disk is full.", "2026-01-01T00:00:09Z"
    held = _step("n", state="running", message=message, retry_at=retry_at)
    for _ in range(3):
        view.update(_run(held))

    assert stream.getvalue().count(f"{message} Next try at") == 1


def test_the_gravest_findings_come_first_and_once() -> None:
    outputs = {
        "findings": [
            {"severity": "info", "file": "a", "line": 1, "ruleId": "x", "message": "m"},
            {"severity": "critical", "file": "b", "line": 2, "ruleId": "y", "message": "m"},
        ]
    }
    issues = {"issues": [{"severity": "blocker", "file": "c", "message": "m"}, "odd"]}
    steps = [_step("s", outputs=outputs), _step("t", outputs=outputs), _step("u", outputs=issues)]
    assert [item["file"] for item in top_findings(steps, 5)] == ["c", "b", "a"]
    assert [item["file"] for item in top_findings(steps, 1)] == ["c"]


def test_a_change_is_told_with_how_to_take_it_back() -> None:
    stream = io.StringIO()
    target = Console(file=stream, width=200, highlight=False)
    outputs = {"applied": True, "backupPath": "refs/commandcenter/backups/1", "branch": "main"}
    show_restore(
        Cli(GlobalOptions()),
        target,
        _run(_step("fix", outputs=outputs), _step("x", outputs={"applied": False})),
    )
    assert "git -C FOLDER reset --keep refs/commandcenter/backups/1" in stream.getvalue()
    assert stream.getvalue().count("Backup") == 1
