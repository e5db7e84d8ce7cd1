import re
from pathlib import Path

import pytest

from commandcenter.engine import parse_inputs, parse_nodes, parse_triggers
from commandcenter.engine.cel.functions import FUNCTIONS
from commandcenter.engine.conditions import compile_condition
from commandcenter.engine.context import RUN_FIELDS
from commandcenter.engine.parse import WORKFLOW_KEYS, parse_workflow

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "workflows.md").read_text("utf-8")
WORKFLOWS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
CONDITIONS = [
    line
    for block in re.findall(r"```cel\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
]


def test_there_is_something_to_check() -> None:
    assert len(WORKFLOWS) >= 3
    assert len(CONDITIONS) >= 8


@pytest.mark.parametrize("text", WORKFLOWS)
def test_every_workflow_parses(text: str) -> None:
    assert parse_workflow(text).nodes


@pytest.mark.parametrize("text", CONDITIONS)
def test_every_condition_compiles(text: str) -> None:
    assert compile_condition(text).names


@pytest.mark.parametrize(
    "word",
    [
        *WORKFLOW_KEYS,
        *parse_nodes.NODE_KEYS,
        *parse_nodes.RETRY_KEYS,
        *parse_nodes.APPROVAL_KEYS,
        *parse_inputs.INPUT_KEYS,
        *parse_triggers.TRIGGER_KEYS,
        *(key for keys in parse_triggers.TRIGGER_KEYS.values() for key in keys),
        *(f"run.{field}" for field in RUN_FIELDS),
        *sorted(FUNCTIONS),
    ],
)
def test_every_key_is_described(word: str) -> None:
    assert f"`{word}`" in PAGE
