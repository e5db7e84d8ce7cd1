"""Cancelling a run in whatever state it is."""

import pytest

from tests.scenarios.driver import Driver, states_of, steps_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

LONG = """
name: long
nodes:
  first: {agent: tool, with: {fake: {seconds: 60}}}
  second: {agent: tool, needs: [first]}
"""
GATED = """
name: gated-long
nodes:
  change: {agent: risky}
  tell: {agent: tool, needs: [change], run_if: always}
"""
RETRYING = """
name: retrying-long
nodes:
  breaks: {agent: tool, retry: {max: 3, backoff: 60s, jitter: false}, with: {fake: {exit_code: 1}}}
"""


async def test_a_running_attempt_is_stopped(driver: Driver) -> None:
    run_id = await driver.start(await driver.workflow(LONG))
    await driver.step_in(run_id, "first", "running")

    assert (await driver.cancel(run_id)).status_code == 202
    run = await driver.ended(run_id)

    assert run["state"] == "cancelled"
    assert states_of(run) == {"first": "cancelled", "second": "cancelled"}
    [attempt] = steps_of(run)["first"]["attempts"]
    assert (attempt["state"], attempt["reason"]) == ("cancelled", "cancelled")


async def test_a_waiting_step_takes_its_question_back(driver: Driver) -> None:
    run_id = await driver.start(await driver.workflow(GATED))
    approval = await driver.pending_approval(run_id)

    await driver.cancel(run_id)
    run = await driver.ended(run_id)

    assert states_of(run) == {"change": "cancelled", "tell": "cancelled"}
    assert [item["state"] for item in await driver.approvals(run_id)] == ["cancelled"]
    late = await driver.answer(approval["id"])
    assert (late.status_code, late.json()["code"]) == (409, "approval_already_decided")


async def test_a_step_between_two_attempts_is_not_tried_again(driver: Driver) -> None:
    run_id = await driver.start(await driver.workflow(RETRYING))
    found = await driver.step_in(run_id, "breaks", "running")
    while not steps_of(found)["breaks"]["retry_at"]:
        found = await driver.run(run_id)

    await driver.cancel(run_id)
    run = await driver.ended(run_id)

    assert states_of(run) == {"breaks": "cancelled"}
    assert len(steps_of(run)["breaks"]["attempts"]) == 1


async def test_a_cancelled_run_cannot_be_cancelled_again(driver: Driver) -> None:
    run_id = await driver.start(await driver.workflow(GATED))
    await driver.pending_approval(run_id)
    await driver.cancel(run_id)
    await driver.ended(run_id)

    again = await driver.cancel(run_id)

    assert (again.status_code, again.json()["code"]) == (409, "run_finished")


async def test_a_step_that_waits_for_a_free_place_never_starts(driver: Driver) -> None:
    width = 12  # more than the places of this hub
    nodes = "".join(
        f"  n{index}: {{agent: tool, with: {{fake: {{seconds: 60}}}}}}\n" for index in range(width)
    )
    run_id = await driver.start(await driver.workflow(f"name: wide\nnodes:\n{nodes}"))
    await driver.step_in(run_id, "n0", "running")

    await driver.cancel(run_id)
    run = await driver.ended(run_id)

    assert set(states_of(run).values()) == {"cancelled"}
    assert sum(len(step["attempts"]) for step in run["steps"]) <= 8
