"""The SDK's contract, each case a real program in a real process."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from commandcenter_agent.testing import Result, manifest_command, run_agent

HEAD = "from commandcenter_agent import AgentError, Context, TemporaryFailure, run\n"


def run_program(
    tmp_path: Path, body: str, inputs: dict[str, object] | None = None, **options: object
) -> Result:
    program = textwrap.indent(textwrap.dedent(body), "    ")
    (tmp_path / "main.py").write_text(f"{HEAD}def main(context):\n{program}\nrun(main)\n")
    return run_agent(tmp_path, inputs or {}, command=["python", "main.py"], **options)  # type: ignore[arg-type]


def test_returns_what_main_returns(tmp_path: Path) -> None:
    result = run_program(tmp_path, "return {'twice': context.inputs['n'] * 2}", {"n": 21})
    assert (result.exit_code, result.output) == (0, {"twice": 42})


def test_none_is_an_empty_output(tmp_path: Path) -> None:
    assert run_program(tmp_path, "return None").output == {}


def test_agent_error_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    result = run_program(tmp_path, r"raise AgentError('no such\nfile')")
    assert (result.exit_code, result.output) == (1, None)
    assert result.stderr == "error: no such\\nfile\n"


def test_agent_error_may_carry_an_output(tmp_path: Path) -> None:
    result = run_program(tmp_path, "raise AgentError('x', output={'applied': False})")
    assert (result.exit_code, result.output) == (1, {"applied": False})


def test_temporary_failure_is_exit_code_75(tmp_path: Path) -> None:
    assert run_program(tmp_path, "raise TemporaryFailure('busy')").exit_code == 75


def test_unexpected_exception_leaves_its_traceback(tmp_path: Path) -> None:
    result = run_program(tmp_path, "return {'x': 1 / 0}")
    assert (result.exit_code, result.output) == (1, None)
    assert "Traceback" in result.stderr
    assert "ZeroDivisionError" in result.stderr


@pytest.mark.parametrize("value", ["float('nan')", "object()"])
def test_output_that_is_not_json_fails(tmp_path: Path, value: str) -> None:
    result = run_program(tmp_path, f"return {{'x': {value}}}")
    assert (result.exit_code, result.output) == (1, None)
    assert "cannot be written as JSON" in result.stderr


def test_output_that_is_too_large_fails(tmp_path: Path) -> None:
    result = run_program(tmp_path, "return {'x': 'y' * (9 * 1024**2)}")
    assert (result.exit_code, result.output) == (1, None)
    assert "artifact" in result.stderr


def test_progress_line(tmp_path: Path) -> None:
    result = run_program(tmp_path, r"context.progress(0.5, 'half\nway')")
    marker, _, document = result.stdout.strip().partition(" ")
    assert marker == "::progress"
    assert json.loads(document) == {"fraction": 0.5, "message": "half\nway"}


def test_log_cannot_be_used_to_forge_lines(tmp_path: Path) -> None:
    result = run_program(tmp_path, r"context.log('::progress {}'); context.log('a\n::b\x1b[2J é')")
    assert result.stdout.splitlines() == [" ::progress {}", "a\\n::b\\x1b[2J é"]


def test_log_survives_names_that_are_not_text(tmp_path: Path) -> None:
    result = run_program(tmp_path, r"context.log('name \udcff'); return {}")
    assert (result.exit_code, result.stdout) == (0, "name \\udcff\n")


def test_artifacts(tmp_path: Path) -> None:
    result = run_program(tmp_path, "context.artifact('a/b.txt').write_text('hi')")
    assert result.artifacts == {"a/b.txt": b"hi"}


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", "", "a\0b"])
def test_artifact_names_stay_inside(tmp_path: Path, name: str) -> None:
    result = run_program(tmp_path, f"context.artifact({name!r})")
    assert result.exit_code == 1
    assert "leaves the artifacts folder" in result.stderr


def test_secret_from_file_and_from_variable(tmp_path: Path) -> None:
    result = run_program(
        tmp_path,
        "return {'ok': [context.secret('A') == 'x', context.secret('B_2') == 'y']}",
        secrets={"A": "x"},
        environment={"B_2": "y"},
    )
    assert result.output == {"ok": [True, True]}


@pytest.mark.parametrize(("name", "words"), [("NONE", "not granted"), ("../in/x", "not a secret")])
def test_secret_that_is_not_there(tmp_path: Path, name: str, words: str) -> None:
    result = run_program(tmp_path, f"context.secret({name!r})")
    assert result.exit_code == 1
    assert words in result.stderr


def test_repository_is_the_input_or_the_workspace(tmp_path: Path) -> None:
    workspace, other = tmp_path / "w", tmp_path / "o"
    workspace.mkdir()
    other.mkdir()
    body = "return {'path': str(context.repository())}"
    assert run_program(tmp_path, body, workspace=workspace).output == {"path": str(workspace)}
    given: dict[str, object] = {"repositoryPath": str(other)}
    assert run_program(tmp_path, body, given, workspace=workspace).output == {"path": str(other)}
    assert "no repository" in run_program(tmp_path, body).stderr
    missing = run_program(tmp_path, body, {"repositoryPath": str(tmp_path / "none")})
    assert "is not a folder" in missing.stderr


@pytest.mark.parametrize(("content", "words"), [("{", "not valid JSON"), ("[]", "not a JSON obj")])
def test_input_that_cannot_be_read(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "input.json").write_text(content)
    result = run_program(tmp_path, "return {}", environment={"COMMANDCENTER_IN": str(tmp_path)})
    assert result.exit_code == 1
    assert words in result.stderr


def test_no_input_at_all(tmp_path: Path) -> None:
    variables = {"COMMANDCENTER_IN": str(tmp_path / "nowhere")}
    assert "no input" in run_program(tmp_path, "return {}", environment=variables).stderr


def test_manifest_command_is_read(tmp_path: Path) -> None:
    (tmp_path / "agent.yaml").write_text("name: x\ncommand: [python, 'a b.py', --fast]  # so\n")
    assert manifest_command(tmp_path) == ["python", "a b.py", "--fast"]
    (tmp_path / "agent.yaml").write_text("command:\n  - python\n")
    with pytest.raises(ValueError, match="on one line"):
        manifest_command(tmp_path)


def test_importing_it_loads_nothing_heavy() -> None:
    code = "import sys, commandcenter_agent; print(*sys.modules)"
    path = str(Path(__file__).parent.parent)
    loaded = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env={"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert not {"typing", "pathlib", "dataclasses", "logging", "inspect"} & set(loaded)


LOADED = "return {'loaded': [m for m in ('json', 're', 'pathlib', 'typing') if m in sys.modules]}"


def test_a_small_agent_loads_little(tmp_path: Path) -> None:
    result = run_program(tmp_path, f"import sys\ncontext.log('x')\n{LOADED}", {"n": [1.5, None]})
    # What the environment of the tests loads by itself does not count.
    bare = run_agent(tmp_path, {}, command=["python", "-c", "import sys; print(*sys.modules)"])
    assert set(result.value["loaded"]) <= set(bare.stdout.split())
