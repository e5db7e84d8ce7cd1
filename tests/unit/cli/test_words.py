"""Durations, exit codes, problems, ids and paths in words."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from commandcenter.cli import invocation
from commandcenter.cli.client import HubClient
from commandcenter.cli.durations import ago, between, duration, left, size
from commandcenter.cli.exit_codes import MEANINGS, ExitCode, for_run, for_status
from commandcenter.cli.problems import NothingFoundError, UsageProblemError
from commandcenter.cli.progress import readable
from commandcenter.cli.references import approval_id, run_id
from commandcenter.cli.runs_artifacts import place
from commandcenter.cli.show_problem import problem_lines


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.04, "0.0s"),
        (9.94, "9.9s"),
        (12.4, "12s"),
        (185, "3m 05s"),
        (7620, "2h 07m"),
        (356400, "4d 3h"),
        (-5, "0.0s"),
    ],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_times() -> None:
    now = datetime.now(UTC)
    assert between("2026-01-01T00:00:00Z", "2026-01-01T00:03:05Z") == "3m 05s"
    assert between(None, None) == ""
    assert ago((now - timedelta(minutes=3)).isoformat()) == "3m 00s ago"
    assert left((now - timedelta(minutes=3)).isoformat()) == "none"
    assert left((now + timedelta(hours=24, seconds=-1)).isoformat()).startswith("23h 59m")


def test_sizes() -> None:
    assert [size(0), size(1023), size(1536), size(5 * 1024**3)] == [
        "0 B",
        "1023 B",
        "1.5 KiB",
        "5.0 GiB",
    ]


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, 2), (422, 2), (413, 2), (401, 6), (403, 6), (404, 7), (409, 8), (503, 5), (500, 1)],
)
def test_statuses_become_exit_codes(status: int, code: int) -> None:
    assert for_status(status) == code


def test_runs_become_exit_codes() -> None:
    pending = {"approvals": [{"state": "pending"}]}
    assert for_run({"state": "succeeded"}) is ExitCode.OK
    assert for_run({"state": "failed", **pending}) is ExitCode.FAILED
    assert for_run({"state": "cancelled"}) is ExitCode.CANCELLED
    assert for_run({"state": "running", **pending}) is ExitCode.WAITING
    assert for_run({"state": "running", "approvals": []}) is ExitCode.TIMED_OUT
    assert set(MEANINGS) == set(ExitCode)


def test_a_problem_with_the_lines_it_is_about() -> None:
    issues = [
        {"path": "nodes.a", "line": 3, "column": 7, "message": "no such agent", "hint": "try b"},
        {"path": "nodes.b", "line": 0, "column": 0, "message": "odd", "hint": None},
    ]
    document = {"title": "Not valid", "detail": "two", "hint": "look", "fields": {"issues": issues}}
    text = [line.plain for line in problem_lines(document)]
    assert text[0] == "Error: Not valid"
    assert "    line 3:7 nodes.a: no such agent (try b)" in text
    assert "    nodes.b: odd" in text
    assert text[-1] == "  Next: look"


def test_progress_lines() -> None:
    assert readable('::progress {"fraction": 0.42, "message": "looking"}') == "42 % looking"
    assert readable("::progress {broken") == "::progress {broken"
    assert readable("plain") == "plain"
    assert readable("::progress []") == "::progress []"


class _Ids:
    """Pages of runs, without a hub."""

    def __init__(self, *ids: str) -> None:
        self._ids = ids

    def pages(self, _path: str, *, limit: int, **_: Any) -> list[dict[str, Any]]:
        return [{"id": one} for one in self._ids[:limit]]


@pytest.mark.parametrize("given", ["", "  "])
def test_no_id_is_one_clear_error(given: str) -> None:
    client = cast("HubClient", _Ids("apr_1", "apr_2"))
    with pytest.raises(UsageProblemError, match="id of the approval is empty") as empty:
        approval_id(client, given, pending=True)
    assert "beginning" in str(empty.value.hint)


def test_ids_are_found_by_their_beginning() -> None:
    client = cast("HubClient", _Ids("run_2tsp04ktxdesy1", "run_2tsp04zzzzzzzz"))
    assert run_id(client, "latest") == "run_2tsp04ktxdesy1"
    assert run_id(client, "2tsp04k") == "run_2tsp04ktxdesy1"
    assert run_id(client, "run_00000000000000") == "run_00000000000000"
    with pytest.raises(UsageProblemError, match="2 runs begin with"):
        run_id(client, "run_2tsp04")
    with pytest.raises(NothingFoundError):
        run_id(client, "xyz")
    with pytest.raises(NothingFoundError):
        run_id(cast("HubClient", _Ids()), "latest")


@pytest.mark.parametrize("name", ["../out", "/etc/passwd", "a/../../b", "a\\b", "a/\0"])
def test_an_artifact_cannot_be_written_elsewhere(name: str) -> None:
    with pytest.raises(UsageProblemError):
        place(Path("/target"), "node", name)


def test_an_artifact_in_a_folder() -> None:
    assert place(Path("t"), "node", "a/b.txt") == Path("t/node/a/b.txt")


def test_the_program_is_called_as_it_was(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "my env" / "bin" / "commandcenter"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["my env/bin/commandcenter"])
    monkeypatch.setenv("PATH", "/nowhere")
    assert invocation.program() == "'my env/bin/commandcenter'"
    assert invocation.command_line("approve", "apr_1", options=["--comment", "a b"]) == (
        "'my env/bin/commandcenter' approve apr_1 --comment 'a b'"
    )
    monkeypatch.setattr(sys, "argv", [str(program)])
    monkeypatch.setenv("PATH", str(program.parent))
    assert invocation.program() == "commandcenter"
