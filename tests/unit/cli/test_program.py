"""The program as a whole: what it loads, and the page that is written from it."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from commandcenter import __version__
from commandcenter.cli.doctor import show_checks
from commandcenter.cli.program import ENTRIES, build
from commandcenter.cli.reference import reference
from commandcenter.cli.session import Cli, GlobalOptions
from commandcenter.runtimes.sandbox.doctor import Check, Severity

_HEAVY = ("fastapi", "sqlalchemy", "dbos", "uvicorn", "alembic")
_NEEDS_THE_HUB = {"up", "worker", "doctor"}
_PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "cli.md"


def _loaded(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*(name.partition('.')[0] for name in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.split())


def test_help_loads_neither_the_hub_nor_the_client() -> None:
    loaded = _loaded("from commandcenter.cli.program import build; build()")
    assert not loaded & {*_HEAVY, "httpx", "rich", "websockets"}


def test_client_commands_do_not_load_the_hub() -> None:
    modules = {entry.module for entry in ENTRIES if entry.name not in _NEEDS_THE_HUB}
    loaded = _loaded("\n".join(f"import {module}" for module in sorted(modules)))
    assert not loaded & set(_HEAVY)


@pytest.mark.parametrize("loading", ["typer", "commandcenter.cli.runs", "httpx"])
def test_ctrl_c_is_answered_whatever_is_just_being_loaded(loading: str, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("cc_x_y")
    words = ["commandcenter", "runs", "--url", "http://127.0.0.1:9"]
    script = f"""
import sys
class Interrupted:
    def find_spec(self, name, *_):
        if name == {loading!r}:
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupted())
sys.argv = {[*words, "--token-file", str(tmp_path / "token")]!r}
from commandcenter.cli.main import main
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (130, "\nInterrupted.\n")


def test_remedies_name_the_data_directory_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["/elsewhere"])  # it would name the program that is running
    stream = io.StringIO()
    cli = Cli(GlobalOptions(data_directory=Path("/srv/data")))
    cli.out = Console(file=stream, width=300)
    check = Check("port", False, Severity.WARNING, "taken", "Type: commandcenter up --port 3334")

    show_checks(cli, [check], is_fatal=False)

    assert "commandcenter --data-directory /srv/data up --port 3334" in stream.getvalue()


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_every_command_has_help_with_examples(entry: object) -> None:
    root = build()
    command = root.load(entry.name)  # type: ignore[attr-defined]
    shown = [command, *getattr(command, "commands", {}).values()]
    for one in shown:
        assert one.help
        assert "Examples:" in (one.epilog or ""), one.name


def test_the_reference_is_that_of_the_commands() -> None:
    assert _PAGE.read_text() == reference(), (
        "Write it again: python -m commandcenter.cli.reference > docs/reference/cli.md"
    )


def _call(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "commandcenter.cli", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_version_and_short_help() -> None:
    assert _call("--version").stdout == f"commandcenter {__version__}\n"
    assert "Examples:" in _call("runs", "show", "-h").stdout


@pytest.mark.parametrize("words", [("nonsense",), ("runs", "show"), ("up", "--port", "x")])
def test_an_error_of_usage_is_json_where_json_is_wanted(words: tuple[str, ...]) -> None:
    done = _call(*words, "--json")
    assert done.returncode == 2
    assert done.stdout == ""
    problem = json.loads(done.stderr)
    assert problem["code"] == "usage"
    assert problem["exit_code"] == 2
    plain = _call(*words)
    assert plain.returncode == 2
    assert "Error: " in plain.stderr


def test_hints_are_written_for_the_hub_in_use() -> None:
    cli = Cli(GlobalOptions(data_directory=Path("/srv/other data")))
    start = cli.command().partition(" --data")[0]
    assert cli.pasteable("commandcenter runs show run_1 tells how.") == (
        f"{start} --data-directory '/srv/other data' runs show run_1 tells how."
    )
    assert cli.pasteable("See `commandcenter doctor`.").endswith("'/srv/other data' doctor`.")
    own = f"Start one: {cli.command('up')}"
    assert cli.pasteable(own) == own
    assert cli.pasteable("/opt/commandcenter x") == "/opt/commandcenter x"
