"""Cancelling a run in whatever state it is."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import pytest

from commandcenter.auth.identity import Caller
from commandcenter.auth.permissions import Role
from commandcenter.runs import keeper as keeper_module
from commandcenter.runs.create import RunRequest
from commandcenter.runs.executor import RunExecutor
from commandcenter.runs.service import RunService
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


async def test_a_run_that_nobody_has_begun_ends_at_once(driver: Driver) -> None:
    async with no_free_place(driver):
        run_id = await stored_only(driver, GATED)
        assert (await driver.run(run_id))["state"] == "queued"

        cancelled = await driver.cancel(run_id)

    assert cancelled.json()["state"] == "cancelled"
    assert set(states_of(await driver.run(run_id)).values()) == {"cancelled"}
    # Whoever comes for it later finds it ended.
    assert await driver.hub.services.get(RunExecutor).execute(run_id)
    assert (await driver.run(run_id))["state"] == "cancelled"


async def test_a_run_that_is_never_begun_ends_after_its_deadline(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper_module, "_LATE", timedelta(0))
    keeper = driver.hub.services.get(keeper_module.RunKeeper)
    source = "name: late\ntimeout: 1s\nnodes:\n  only: {agent: tool}\n"
    async with no_free_place(driver):
        run_id = await stored_only(driver, source)
        deadline = datetime.fromisoformat((await driver.run(run_id))["deadline_at"])
        monkeypatch.setattr(keeper_module, "utc_now", lambda: deadline + timedelta(seconds=1))

        await keeper.look_after()

    run = await driver.run(run_id)
    assert (run["state"], run["reason"]) == ("failed", "timeout")
    assert states_of(run) == {"only": "cancelled"}


@asynccontextmanager
async def no_free_place(driver: Driver) -> AsyncIterator[None]:
    """Hold every place for attempts, so that no process would take a run."""
    slots = driver.hub.services.get(RunExecutor)._dependencies.slots
    places = driver.hub.settings.max_concurrent_attempts
    for _ in range(places):
        await slots.acquire()
    try:
        yield
    finally:
        for _ in range(places):
            slots.release()


async def stored_only(driver: Driver, source: str) -> str:
    """Store a run as a hub does that dies before it hands it over."""
    caller = Caller(principal_id="system", name="system", role=Role.ADMIN)
    workflow = await driver.workflow(source)
    service = driver.hub.services.get(RunService)
    run, _ = await service._store(caller, RunRequest(workflow=workflow))
    return run.id
