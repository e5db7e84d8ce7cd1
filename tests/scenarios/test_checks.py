"""Finding out beforehand whether a step can be done, and asking nobody where it cannot."""

from typing import Any

import pytest

from tests.scenarios.driver import Driver, commit, steps_of, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

ON_PROJECT = "inputs: {project: {type: string, format: project}}\n"


async def checked(driver: Driver, name: str, fake: dict[str, Any], **options: Any) -> str:
    """Register an agent whose check does as `fake` says, and a workflow of it; return its id."""
    check = {"inputs": {"fake": fake}, **options.pop("check", {})}
    await driver.agent(name, risk="APPROVAL_REQUIRED", check=check, **options)
    return await driver.workflow(f"name: {name}\n{ON_PROJECT}nodes:\n  change: {{agent: {name}}}\n")


async def on_project(driver: Driver, name: str, fake: dict[str, Any], **options: Any) -> str:
    """Start a run of such an agent on a project of its own; return its id."""
    workflow = await checked(driver, name, fake, **options)
    await driver.project(f"of-{name}")
    return await driver.start(workflow, project=f"of-{name}")


async def test_what_can_be_done_is_asked_and_says_so(driver: Driver) -> None:
    output = {"message": "it fits", "filesModified": ["a.txt", "b.txt"]}
    run_id = await on_project(driver, "fits", {"output": output, "stdout": "looked at it\n"})

    approval = await driver.pending_approval(run_id)

    assert approval["check"]["outcome"] == "possible"
    assert approval["check"]["message"] == "it fits"
    assert approval["check"]["files"] == ["a.txt", "b.txt"]
    assert "fake" not in approval["effect"]["inputs"]
    waiting = steps_of(await driver.run(run_id))["change"]
    assert (waiting["state"], waiting["attempts"]) == ("waiting", [])
    [check] = waiting["checks"]
    assert (check["id"], check["state"]) == (f"{run_id}.change.check-1", "succeeded")
    assert check["report"]["outcome"] == "possible"

    await driver.answer(approval["id"])
    run = await driver.ended(run_id)

    step = steps_of(run)["change"]
    assert (run["state"], step["outputs"]) == ("succeeded", {})
    assert [one["id"] for one in step["attempts"]] == [f"{run_id}.change.1"]
    assert len(step["checks"]) == 1
    assert "fake" not in step["inputs"]
    log = f"/api/v1/runs/{run_id}/steps/change/logs"
    text = {"Accept": "text/plain"}
    of_check = await driver.client.get(log, params={"check": True}, headers=text)
    of_attempt = await driver.client.get(log, headers=text)
    assert (of_check.text, of_attempt.text) == ("looked at it\n", "fake attempt\n")


async def test_checks_have_events_of_their_own(driver: Driver) -> None:
    run_id = await on_project(driver, "events", {})
    await driver.answer((await driver.pending_approval(run_id))["id"])
    await driver.ended(run_id)

    told = [event["type"] for event in await driver.events(run_id)]

    assert told.index("check.started") < told.index("check.finished")
    assert told.index("check.finished") < told.index("approval.requested")
    assert told.index("approval.requested") < told.index("attempt.started")
    assert told.count("attempt.started") == told.count("attempt.finished") == 1


async def test_what_cannot_be_done_fails_and_nobody_is_asked(driver: Driver) -> None:
    output = {"message": "a.txt is in the way", "conflicts": [{"file": "a.txt", "reason": "no"}]}
    fake = {"exit_code": 1, "output": output, "stderr": "error: in the way\n"}
    run_id = await on_project(driver, "refused", fake)

    run = await driver.ended(run_id)

    step = steps_of(run)["change"]
    assert (step["state"], step["reason"]) == ("failed", "check_failed")
    assert step["message"].endswith("it cannot be done: a.txt is in the way")
    assert step["attempts"] == []
    [check] = step["checks"]
    assert check["exit_code"] == 1
    assert check["report"]["conflicts"] == [{"file": "a.txt", "reason": "no"}]
    assert await driver.approvals(run_id) == []
    log = await driver.client.get(
        f"/api/v1/runs/{run_id}/steps/change/logs", headers={"Accept": "text/plain"}
    )
    assert "error: in the way" in log.text


async def test_outputs_that_are_not_as_promised_are_no_yes(driver: Driver) -> None:
    run_id = await on_project(driver, "broken", {"output": {"score": "many"}})

    step = steps_of(await driver.ended(run_id))["change"]

    assert step["reason"] == "check_failed"
    assert "score" in step["message"]
    assert await driver.approvals(run_id) == []


@pytest.mark.parametrize(
    ("name", "fake", "options"),
    [
        ("system", {"ends": "system_error"}, {}),
        ("busy", {"exit_code": 75, "output": {"message": "somebody is at work"}}, {}),
        ("slow", {"seconds": 60}, {"check": {"timeout": "50ms"}}),
    ],
)
async def test_a_check_that_comes_to_nothing_is_tried_again_and_then_said(
    driver: Driver, name: str, fake: dict[str, Any], options: dict[str, Any]
) -> None:
    run_id = await on_project(driver, name, fake, **options)

    approval = await driver.pending_approval(run_id)

    assert approval["check"]["outcome"] == "unknown"
    assert any("could not be checked beforehand" in note for note in approval["notes"])
    assert len(steps_of(await driver.run(run_id))["change"]["checks"]) == 3
    await driver.answer(approval["id"])
    assert (await driver.ended(run_id))["state"] == "succeeded"


async def test_a_lost_check_is_made_again_and_does_not_count(driver: Driver) -> None:
    run_id = await on_project(driver, "lost", {"ends": "lost"}, on_lost="fail")

    approval = await driver.pending_approval(run_id)

    assert approval["check"]["outcome"] == "unknown"
    checks = steps_of(await driver.run(run_id))["change"]["checks"]
    assert {check["reason"] for check in checks} == {"lost"}
    assert len(checks) == 11
    await driver.cancel(run_id)
    await driver.ended(run_id)


async def test_a_cancelled_run_stops_its_check_and_asks_nobody(driver: Driver) -> None:
    run_id = await on_project(driver, "cancelled", {"seconds": 60}, check={"timeout": "60s"})
    await driver.step_in(run_id, "change", "running")

    await driver.cancel(run_id)
    run = await driver.ended(run_id)

    step = steps_of(run)["change"]
    assert (run["state"], step["state"], step["attempts"]) == ("cancelled", "cancelled", [])
    assert [check["state"] for check in step["checks"]] == ["cancelled"]
    assert await driver.approvals(run_id) == []


async def test_the_deadline_of_the_run_holds_for_its_checks(driver: Driver) -> None:
    await checked(driver, "late", {"seconds": 60}, check={"timeout": "60s"})
    source = "name: late-run\ntimeout: 2s\nnodes:\n  change: {agent: late}\n"
    run_id = await driver.start(await driver.workflow(source))

    run = await driver.ended(run_id)

    step = steps_of(run)["change"]
    assert (run["reason"], step["reason"]) == ("timeout", "run_deadline")
    assert [check["state"] for check in step["checks"]] == ["cancelled"]


async def test_another_effect_is_checked_again_and_the_same_is_not(driver: Driver) -> None:
    run_id = await on_project(driver, "moved", {}, workspace="read")
    first = await driver.pending_approval(run_id)
    commit(driver.projects / "of-moved", "somebody else's")
    await driver.answer(first["id"])

    second = await driver.pending_approval(run_id)

    assert second["id"] != first["id"]
    assert len(steps_of(await driver.run(run_id))["change"]["checks"]) == 2
    await driver.answer(second["id"])
    step = steps_of(await driver.ended(run_id))["change"]
    assert (step["state"], len(step["checks"]), len(step["attempts"])) == ("succeeded", 2, 1)


async def test_without_a_gate_there_is_nothing_to_check(driver: Driver) -> None:
    await driver.agent("free", check={"inputs": {"fake": {"exit_code": 1}}})
    run_id = await driver.start(
        await driver.workflow("name: free\nnodes:\n  change: {agent: free}\n")
    )

    run = await driver.ended(run_id)

    assert (run["state"], steps_of(run)["change"]["checks"]) == ("succeeded", [])


async def test_a_workflows_own_gate_has_the_check_too(driver: Driver) -> None:
    await driver.agent("gated-tool", check={"inputs": {"fake": {"exit_code": 1}}})
    source = "name: gated-tool\nnodes:\n  change: {agent: gated-tool, approval: {}}\n"
    run_id = await driver.start(await driver.workflow(source))

    step = steps_of(await driver.ended(run_id))["change"]

    assert step["reason"] == "check_failed"


async def test_checks_do_not_count_as_attempts_in_the_metrics(driver: Driver) -> None:
    async def started() -> float:
        text = (await driver.client.get("/metrics")).text
        name = "commandcenter_attempts_started_total "
        return next(float(line[len(name) :]) for line in text.splitlines() if line.startswith(name))

    before = await started()
    run_id = await on_project(driver, "counted", {"ends": "system_error"})
    await driver.answer((await driver.pending_approval(run_id))["id"])
    await driver.ended(run_id)

    assert await until(started, lambda count: count > before) == before + 1
