"""Every file in `definitions`: a workflow, its inputs, and how its run must end."""

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.scenarios.driver import Driver, steps_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

_FILES = sorted((Path(__file__).parent / "definitions").glob("*.yaml"))


@pytest.mark.parametrize("path", _FILES, ids=lambda path: path.stem)
async def test_a_run_ends_as_its_definition_says(driver: Driver, path: Path) -> None:
    scenario: dict[str, Any] = YAML(typ="safe").load(path)
    expected = scenario["expect"]
    workflow = await driver.workflow(scenario["workflow"])

    run = await driver.ended(await driver.start(workflow, scenario.get("inputs")))

    assert run["state"] == expected["state"], run
    for name in ("reason", "message"):
        if name in expected:
            assert run[name] == expected[name], run
    steps = steps_of(run)
    assert all(step["finished_at"] for step in steps.values()), steps
    for node, wanted in expected["steps"].items():
        step = steps[node]
        seen = {**step, "attempts": len(step["attempts"])}
        assert {name: seen[name] for name in wanted} == wanted, step
