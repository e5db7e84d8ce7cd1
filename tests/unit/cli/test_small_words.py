"""What commands say where people stumbled: empty arguments, listed problems, next steps."""

from pathlib import Path
from typing import Any

import pytest

from commandcenter.cli.inputs import MAX_BYTES, parse_inputs
from commandcenter.cli.problems import UsageProblemError
from commandcenter.cli.references import named
from commandcenter.cli.run_lines import ApprovalWords
from commandcenter.cli.run_summary import _next, _step_lines
from commandcenter.cli.session import Cli, GlobalOptions
from commandcenter.cli.show_problem import problem_lines
from commandcenter.engine.inputs import MAX_BYTES as HUB_MAX_BYTES
from commandcenter.engine.issues import InputsInvalidError, Issue

CLI = Cli(GlobalOptions())


def test_the_limit_of_a_file_is_the_hubs_and_is_named(tmp_path: Path) -> None:
    assert MAX_BYTES == HUB_MAX_BYTES
    file = tmp_path / "large"
    with file.open("wb") as sparse:
        sparse.truncate(MAX_BYTES + 1)
    with pytest.raises(UsageProblemError, match="larger than 8 MiB"):
        parse_inputs([f"patch=@{file}"])


def test_an_empty_file_is_warned_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "e.diff"
    file.write_text("\n")
    assert parse_inputs([f"patch=@{file}", "word="]) == {"patch": "\n", "word": ""}
    said = capsys.readouterr()
    assert "Warning: what was given for input patch" in said.err
    assert "is empty" in said.err
    assert said.err.count("Warning") == 1
    assert said.out == ""


@pytest.mark.parametrize("given", ["run_", "_"])
def test_what_all_ids_begin_with_names_none(given: str) -> None:
    with pytest.raises(UsageProblemError):
        named("run", given, [{"id": "run_2k000000000000"}])


def test_a_part_of_the_prefix_is_no_beginning_of_an_id() -> None:
    items = [{"id": "run_2k000000000000"}, {"id": "run_r0000000000000"}]
    assert named("run", "r", items) == items[1]
    assert named("run", "run_2", items) == items[0]


def test_listed_problems_are_told_once() -> None:
    issues = [Issue(f"inputs.{name}", 0, 0, f"the {name} is wrong") for name in ("a", "b")]
    for count in (1, 2):
        error = InputsInvalidError("The input", issues[:count], hint="Look.")
        document = {"title": "No", "detail": error.detail, "hint": error.hint}
        lines = [line.plain for line in problem_lines({**document, "fields": error.fields})]
        assert sum("the a is wrong" in line for line in lines) == 1
        assert lines[-1] == "  Next: Look."


def _run(reason: str, inputs: dict[str, Any]) -> dict[str, Any]:
    steps = [{"node": "fix", "state": "failed", "reason": reason}]
    return {"id": "run_1", "state": "failed", "inputs": inputs, "steps": steps}


@pytest.mark.parametrize("reason", ["check_failed", "rejected"])
def test_what_would_fail_again_is_to_be_run_with_another_input(reason: str) -> None:
    words = _next(CLI, _run(reason, {"project": "shop", "patch": "-a\n+b\n"}))
    assert words.endswith("runs rerun run_1 --from fix --input patch=@new.diff")
    words = _next(CLI, _run(reason, {"project": "shop"}))
    assert words.endswith("runs rerun run_1 --from fix --step-input fix.NAME=VALUE")


def test_what_may_go_better_is_just_run_again() -> None:
    assert _next(CLI, _run("exit_code", {"patch": "-a\n+b\n"})).endswith("runs rerun run_1")


def test_a_skipped_step_is_summed_up_in_words() -> None:
    message = "the condition \"inputs.patch != ''\" is false"
    step = {"node": "fix", "state": "skipped", "reason": "condition_false", "outputs": None}
    [line] = _step_lines(CLI, {**step, "message": message}, 0)
    assert line.plain == f"  fix was skipped, and did nothing: {message}"


def test_what_to_know_before_deciding_stands_beside_the_command() -> None:
    words = ApprovalWords(approve=str, show=str, url="http://hub")
    approval = {"id": "apr_1", "node": "fix", "notes": ["asked again: the target moved"]}
    lines = [line.plain for line in words.lines(approval)]
    assert "    take care   asked again: the target moved" in lines
    assert len(words.lines({"id": "apr_1", "node": "fix"})) == len(lines) - 1
