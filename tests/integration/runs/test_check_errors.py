"""Mistakes of ours and outages while a step is checked: people are asked, and nothing is lost."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from commandcenter.runs import attempt as attempt_module
from commandcenter.runs import check as check_module
from commandcenter.runs import check_recorder
from commandcenter.runs import gate as gate_module
from tests.scenarios.driver import Driver, scenario_hub, steps_of

GATED = "name: gated\nnodes:\n  change: {agent: careful}\n"


async def start(driver: Driver) -> str:
    check = {"inputs": {"fake": {"output": {"message": "it fits"}}}}
    await driver.agent("careful", risk="APPROVAL_REQUIRED", check=check)
    return await driver.start(await driver.workflow(GATED))


async def test_a_mistake_of_ours_is_no_reason_not_to_ask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("broken on purpose")

    async with scenario_hub(tmp_path, None) as driver:
        with monkeypatch.context() as patching:
            patching.setattr(attempt_module, "judge", broken)
            run_id = await start(driver)
            approval = await driver.pending_approval(run_id)
        await driver.answer(approval["id"])
        run = await driver.ended(run_id)

    assert approval["check"]["outcome"] == "unknown"
    checks = steps_of(run)["change"]["checks"]
    assert [check["reason"] for check in checks] == ["system_error"] * 3
    assert run["state"] == "succeeded"
    assert "broken on purpose" not in str((run, approval))


async def test_a_mistake_after_the_check_leaves_nothing_under_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("broken on purpose")

    monkeypatch.setattr(gate_module, "request_approval", broken)
    async with scenario_hub(tmp_path, None) as driver:
        run = await driver.ended(await start(driver))

    step = steps_of(run)["change"]
    assert (step["state"], step["reason"]) == ("failed", "system_error")
    assert [check["state"] for check in step["checks"]] == ["succeeded"]


async def test_a_database_that_is_away_at_the_end_of_a_check_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = check_recorder.check_finished
    failures = 2

    async def away(*arguments: Any, **options: Any) -> None:
        nonlocal failures
        if failures:
            failures -= 1
            raise OperationalError("UPDATE", {}, OSError("the database is away"))
        await record(*arguments, **options)

    monkeypatch.setattr(check_module, "check_finished", away)
    async with scenario_hub(tmp_path, None) as driver:
        run_id = await start(driver)
        approval = await driver.pending_approval(run_id)
        await driver.answer(approval["id"])
        run = await driver.ended(run_id)

    step = steps_of(run)["change"]
    assert (approval["check"]["message"], failures) == ("it fits", 0)
    assert [check["id"] for check in step["checks"]] == [f"{run_id}.change.check-1"]
    assert (run["state"], len(step["attempts"])) == ("succeeded", 1)
