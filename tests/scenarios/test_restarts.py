"""A hub that is stopped and started again while runs are under way."""

from pathlib import Path
from typing import Any

import pytest

from commandcenter.auth.identity import Caller
from commandcenter.auth.permissions import Role
from commandcenter.hub.settings import OnStop
from commandcenter.runs import executor as executor_module
from commandcenter.runs.create import RunRequest
from commandcenter.runs.service import RunService
from tests.scenarios.driver import Driver, scenario_hub, states_of, steps_of, until

CROSSED = """
name: crossed
nodes:
  a: {agent: tool, with: {fake: {seconds: 0.3, output: {said: a}}}}
  b: {agent: tool, with: {fake: {output: {said: b}}}}
  c: {agent: tool, needs: [a], with: {fake: {output: {heard: "{{nodes.a.outputs.said}}"}}}}
  d: {agent: tool, needs: [b], with: {fake: {output: {heard: "{{nodes.b.outputs.said}}"}}}}
  wait: {agent: risky, needs: [d]}
  e: {agent: tool, needs: [c, d, wait], with: {fake: {output: {heard: "{{nodes.c.outputs.heard}}{{nodes.d.outputs.heard}}"}}}}
"""  # one node per line reads best
GATED = "name: gated\nnodes:\n  change: {agent: risky}\n"
SLOW = "name: slow\nnodes:\n  only: {agent: tool, with: {fake: {seconds: %s}}}\n  next: {agent: tool, needs: [only]}\n"


async def test_results_keep_their_names_over_a_restart(tmp_path: Path, url: str | None) -> None:
    """What is replayed is found by the node's name, in whichever order the steps once ended."""
    async with scenario_hub(tmp_path, url) as driver:
        run_id = await driver.start(await driver.workflow(CROSSED))
        await driver.step_in(run_id, "d", "succeeded")
        await driver.pending_approval(run_id)

    async with scenario_hub(tmp_path, url) as driver:
        approval = await driver.pending_approval(run_id)
        await driver.answer(approval["id"])
        run = await driver.ended(run_id)

    steps = steps_of(run)
    assert run["state"] == "succeeded"
    assert steps["c"]["outputs"] == {"heard": "a"}
    assert steps["d"]["outputs"] == {"heard": "b"}
    assert steps["e"]["outputs"] == {"heard": "ab"}
    assert len(steps["b"]["attempts"]) == len(steps["d"]["attempts"]) == 1


async def test_a_question_is_kept_and_not_asked_again(tmp_path: Path, url: str | None) -> None:
    async with scenario_hub(tmp_path, url) as driver:
        run_id = await driver.start(await driver.workflow(GATED))
        before = await driver.pending_approval(run_id)

    async with scenario_hub(tmp_path, url) as driver:
        report = await resumed(driver, run_id)
        after = await driver.pending_approval(run_id)
        await driver.answer(after["id"])
        run = await driver.ended(run_id)

    assert report["waiting"] == ["change"]
    assert after["id"] == before["id"]
    assert run["state"] == "succeeded"


async def test_a_refusal_stands_over_a_restart(tmp_path: Path, url: str | None) -> None:
    """Also when the hub went down between the answer and the step's end."""
    async with scenario_hub(tmp_path, url) as driver:
        run_id = await driver.start(await driver.workflow(GATED))
        approval = await driver.pending_approval(run_id)
        await driver.hub.services.get(executor_module.RunExecutor).drain(0)
        await driver.answer(approval["id"], "reject")
        assert states_of(await driver.run(run_id)) == {"change": "waiting"}

    async with scenario_hub(tmp_path, url) as driver:
        step = steps_of(await driver.ended(run_id))["change"]
        approvals = await driver.approvals(run_id)

    assert (step["state"], step["reason"]) == ("failed", "rejected")
    assert [item["state"] for item in approvals] == ["rejected"]


async def test_a_short_attempt_ends_within_the_drain(tmp_path: Path, url: str | None) -> None:
    async with scenario_hub(tmp_path, url, drain_seconds=9.0) as driver:
        run_id = await driver.start(await driver.workflow(SLOW % 0.5))
        await driver.step_in(run_id, "only", "running")

    async with scenario_hub(tmp_path, url) as driver:
        run = await driver.ended(run_id)

    assert run["state"] == "succeeded"
    assert [len(step["attempts"]) for step in run["steps"]] == [1, 1]


async def test_a_long_attempt_of_a_runtime_that_ends_with_the_hub_is_run_again(
    tmp_path: Path, url: str | None
) -> None:
    async with scenario_hub(tmp_path, url, on_stop=OnStop.LEAVE, drain_seconds=0) as driver:
        run_id = await driver.start(await driver.workflow(SLOW % 8))
        await driver.step_in(run_id, "only", "running")

    async with scenario_hub(tmp_path, url) as driver:
        report = await resumed(driver, run_id)
        await until(
            lambda: driver.run(run_id),
            lambda run: len(steps_of(run)["only"]["attempts"]) == 2,
        )
        await driver.cancel(run_id)
        found = await driver.ended(run_id)

    assert report["run_again"] == [f"{run_id}.only.1"]
    attempts = [attempt["reason"] for attempt in steps_of(found)["only"]["attempts"]]
    assert attempts == ["lost", "cancelled"]


async def test_a_run_that_was_stored_and_never_handed_over_is_started(
    tmp_path: Path, url: str | None
) -> None:
    caller = Caller(principal_id="system", name="system", role=Role.ADMIN)
    async with scenario_hub(tmp_path, url) as driver:
        workflow = await driver.workflow(SLOW % 0)
        service = driver.hub.services.get(RunService)
        run, _ = await service._store(caller, RunRequest(workflow=workflow))

    async with scenario_hub(tmp_path, url) as driver:
        ended = await driver.ended(run.id)
        report = (await driver.client.get("/api/v1/recovery")).json()

    assert ended["state"] == "succeeded"
    # On a shared database the first hub's dispatcher may have found it just before the stop.
    going_on = [resumed["run_id"] for resumed in report["resumed"]]
    assert [*report["begun"], *going_on] == [run.id]
    assert report["pending"] == []
    if url is None:
        assert report["resubmitted"] == [run.id]


async def test_a_run_that_waits_for_people_is_never_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor_module, "MAX_RESTARTS_IN_A_ROW", 1)
    async with scenario_hub(tmp_path, None) as driver:
        run_id = await driver.start(await driver.workflow(GATED))
        await driver.pending_approval(run_id)
    for _ in range(3):
        async with scenario_hub(tmp_path, None) as driver:
            await resumed(driver, run_id)
            assert (await driver.run(run_id))["state"] == "running"


async def test_what_the_start_found_is_for_operators(tmp_path: Path) -> None:
    async with scenario_hub(tmp_path, None) as driver:
        viewer = await driver.hub.token_for("viewer")
        operator = await driver.hub.token_for("operator")
        async with driver.as_token(viewer) as client:
            assert (await client.get("/api/v1/recovery")).status_code == 403
        async with driver.as_token(operator) as client:
            found = (await client.get("/api/v1/recovery")).json()
    assert found["found"] == 0
    assert found["resumed"] == found["gave_up"] == found["pending"] == []


async def resumed(driver: Driver, run_id: str) -> dict[str, Any]:
    """Wait until the run was resumed by this start; return what was told of it."""

    async def look() -> dict[str, Any]:
        report: dict[str, Any] = (await driver.client.get("/api/v1/recovery")).json()
        return report

    report = await until(look, lambda found: run_id in [run["run_id"] for run in found["resumed"]])
    found: dict[str, Any] = next(run for run in report["resumed"] if run["run_id"] == run_id)
    return found
