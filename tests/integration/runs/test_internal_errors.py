"""Mistakes of ours end the step or the run; nothing stays running for ever."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from commandcenter.runs import attempt as attempt_module
from commandcenter.runs import execution as execution_module
from commandcenter.runs import executor as executor_module
from commandcenter.runs import step as step_module
from commandcenter.runs.executor import RunExecutor
from tests.scenarios.driver import scenario_hub, states_of, steps_of, until

TWO = """
name: two
nodes:
  first: {agent: tool}
  beside: {agent: tool, with: {fake: {seconds: 60}}}
  gated: {agent: risky}
  next: {agent: tool, needs: [first]}
"""
CHAIN = "name: chain\nnodes:\n  first: {agent: tool}\n  tell: {agent: tool, needs: [first], run_if: always}\n"


def broken(*_: Any, **__: Any) -> Any:
    raise RuntimeError("broken on purpose")


async def test_a_mistake_in_one_step_fails_that_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt_module, "judge", broken)
    async with scenario_hub(tmp_path, None) as driver:
        run = await driver.ended(await driver.start(await driver.workflow(CHAIN)))

    step = steps_of(run)["first"]
    assert (run["state"], run["reason"]) == ("failed", "step_failed")
    assert (step["state"], step["reason"]) == ("failed", "system_error")
    assert [attempt["state"] for attempt in step["attempts"]] == ["failed"]
    assert "broken on purpose" not in str(run)


async def test_a_mistake_before_an_attempt_fails_that_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step_module, "render_tree", broken)
    async with scenario_hub(tmp_path, None) as driver:
        run = await driver.ended(await driver.start(await driver.workflow(CHAIN)))

    assert steps_of(run)["first"]["reason"] == "system_error"
    assert steps_of(run)["first"]["attempts"] == []


async def test_a_mistake_of_the_execution_ends_everything_of_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with scenario_hub(tmp_path, None) as driver:
        run_id = await driver.start(await driver.workflow(TWO), key="k")
        await driver.pending_approval(run_id)
        await driver.step_in(run_id, "beside", "running")
        monkeypatch.setattr(execution_module, "next_actions", broken)
        # The answer lets a step end, and what follows is asked of the broken scheduler.
        approval = await driver.pending_approval(run_id)
        await driver.answer(approval["id"], "reject")
        run = await driver.ended(run_id)
        executor = driver.hub.services.get(RunExecutor)
        await until(lambda: _active(executor), lambda count: count == 0)

    assert (run["state"], run["reason"]) == ("failed", "system_error")
    assert states_of(run)["beside"] == "failed"
    assert all(step["finished_at"] for step in run["steps"]), run["steps"]
    assert {a["state"] for step in run["steps"] for a in step["attempts"]} <= {
        "succeeded",
        "failed",
    }


async def test_a_run_that_cannot_even_be_read_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor_module, "load_run", broken)
    async with scenario_hub(tmp_path, None) as driver:
        run = await driver.ended(await driver.start(await driver.workflow(CHAIN)))

    assert (run["state"], run["reason"]) == ("failed", "system_error")
    assert states_of(run) == {"first": "cancelled", "tell": "cancelled"}


async def test_a_database_that_is_away_for_a_moment_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The execution begins anew and adopts its own attempt."""
    failures = iter(range(2))
    judge = attempt_module.judge  # type: ignore[attr-defined]  # replaced where it is used

    def away(*arguments: Any, **options: Any) -> Any:
        if next(failures, None) is not None:
            raise OperationalError("SELECT 1", {}, Exception("the database is away"))
        return judge(*arguments, **options)

    monkeypatch.setattr(attempt_module, "judge", away)
    async with scenario_hub(tmp_path, None) as driver:
        run = await driver.ended(await driver.start(await driver.workflow(CHAIN)))

    assert run["state"] == "succeeded"
    assert [len(step["attempts"]) for step in run["steps"]] == [1, 1]
    assert run["epoch"] == 3


async def _active(executor: RunExecutor) -> int:
    return executor.active_runs
