"""The program as a whole: what it loads, and the page that is written from it."""

import subprocess
import sys
from pathlib import Path

import pytest

from commandcenter.cli.main import ENTRIES, build
from commandcenter.cli.reference import reference

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
    loaded = _loaded("from commandcenter.cli.main import build; build()")
    assert not loaded & {*_HEAVY, "httpx", "rich", "websockets"}


def test_client_commands_do_not_load_the_hub() -> None:
    modules = {entry.module for entry in ENTRIES if entry.name not in _NEEDS_THE_HUB}
    loaded = _loaded("\n".join(f"import {module}" for module in sorted(modules)))
    assert not loaded & set(_HEAVY)


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
