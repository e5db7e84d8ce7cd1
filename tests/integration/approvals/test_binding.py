"""An approval holds for exactly what was shown: whatever differs is asked about again."""

from pathlib import Path
from typing import Any

import pytest

from commandcenter.engine.effects import effect_hash
from commandcenter.runs import step as step_module
from tests.scenarios.driver import scenario_hub, steps_of

SOURCE = """
name: bound
inputs: {note: {type: string}}
nodes:
  change: {agent: risky, with: {note: "{{inputs.note}}"}}
"""


async def test_agent_version_and_inputs_are_part_of_what_is_agreed_to(tmp_path: Path) -> None:
    async with scenario_hub(tmp_path, None) as driver:
        workflow = await driver.workflow(SOURCE)

        async def asked(note: str) -> dict[str, Any]:
            return await driver.pending_approval(await driver.start(workflow, {"note": note}))

        first, same, other_input = await asked("a"), await asked("a"), await asked("b")
        await driver.agent("risky", version="1.0.1", risk="APPROVAL_REQUIRED")
        other_version = await asked("a")

    assert first["effect_hash"] == same["effect_hash"]
    hashes = {item["effect_hash"] for item in (first, other_input, other_version)}
    assert len(hashes) == 3
    assert other_version["effect"]["agent"]["version"] == "1.0.1"


@pytest.mark.parametrize("changed", ["agent_version", "agent_digest", "inputs", "target_commit"])
async def test_whatever_changes_while_waiting_is_asked_about_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    """The effect is computed anew after the answer; here one part of it differs by then."""
    describe = step_module.describe_effect  # type: ignore[attr-defined]  # replaced where it is used
    is_answered = False

    def differing(run: Any, node: str, agent: Any, inputs: Any, target: Any) -> Any:
        effect = describe(run, node, agent, inputs, target)
        if not is_answered:
            return effect
        facts: dict[str, Any] = {
            "agent_name": agent.name,
            "agent_version": agent.row.version,
            "agent_digest": agent.row.digest,
            "inputs": inputs,
            "target_commit": None,
            "project_id": None,
            "node": node,
        }
        facts[changed] = {"note": "changed"} if changed == "inputs" else "changed"
        return type(effect)(
            inputs=effect.inputs,
            hash=effect_hash(**facts),
            description=effect.description,
        )

    monkeypatch.setattr(step_module, "describe_effect", differing)
    async with scenario_hub(tmp_path, None) as driver:
        run_id = await driver.start(await driver.workflow(SOURCE), {"note": "a"})
        first = await driver.pending_approval(run_id)
        is_answered = True
        await driver.answer(first["id"])

        second = await driver.pending_approval(run_id)

        assert second["effect_hash"] != first["effect_hash"]
        assert second["asked_again"].endswith(f"since approval {first['id']}")
        assert steps_of(await driver.run(run_id))["change"]["attempts"] == []
        await driver.answer(second["id"], "reject")
        await driver.ended(run_id)
        states = [item["state"] for item in await driver.approvals(run_id)]
    assert states == ["rejected", "superseded"]
