"""What is refused before anything is stored, and runs in place of earlier ones."""

import asyncio

import pytest

from tests.scenarios.driver import Driver, states_of, steps_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

TYPED = """
name: typed
inputs: {count: {type: integer}, name: {type: string, required: false}}
nodes:
  only: {agent: tool, with: {fake: {output: {count: "{{inputs.count}}"}}}}
"""
BREAKS_ON_DEMAND = """
name: on-demand
inputs: {code: {type: integer}, note: {type: string, default: none}}
nodes:
  before: {agent: tool, with: {fake: {output: {made: once}}}}
  noted: {agent: tool, with: {fake: {output: {note: "{{inputs.note}}"}}}}
  breaks: {agent: tool, needs: [before], with: {fake: {exit_code: "{{inputs.code}}"}}}
  after: {agent: tool, needs: [breaks], with: {fake: {output: {made: "{{nodes.before.outputs.made}}"}}}}
"""


async def test_a_key_starts_one_run_however_often_it_is_sent(driver: Driver) -> None:
    workflow = await driver.workflow(TYPED)

    answers = await asyncio.gather(
        *(driver.post_run(workflow, {"count": 1}, key="same") for _ in range(5))
    )

    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 200, 201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    other = await driver.post_run(workflow, {"count": 2}, key="same")
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")
    await driver.ended(answers[0].json()["id"])


@pytest.mark.parametrize("inputs", [{}, {"count": "many"}, {"count": 1, "unknown": 2}])
async def test_wrong_inputs_store_nothing(driver: Driver, inputs: dict[str, object]) -> None:
    workflow = await driver.workflow(TYPED)
    before = (await driver.client.get("/api/v1/runs?limit=200")).json()["items"]

    refused = await driver.post_run(workflow, inputs)

    assert refused.status_code == 422, refused.text
    assert (await driver.client.get("/api/v1/runs?limit=200")).json()["items"] == before


async def test_a_rerun_with_changed_inputs_keeps_what_still_holds(driver: Driver) -> None:
    workflow = await driver.workflow(BREAKS_ON_DEMAND)
    first = await driver.ended(await driver.start(workflow, {"code": 1}))
    assert states_of(first)["breaks"] == "failed"

    made = await driver.client.post(
        f"/api/v1/runs/{first['id']}/rerun", json={"inputs": {"code": 0}}
    )

    assert made.status_code == 201, made.text
    second = await driver.ended(made.json()["id"])
    assert second["state"] == "succeeded"
    steps = steps_of(second)
    assert steps["before"]["reused_from"] == first["id"]
    assert steps["before"]["attempts"] == []
    assert steps["noted"]["reused_from"] == first["id"]
    assert steps["after"]["outputs"] == {"made": "once"}
    assert len(steps["breaks"]["attempts"]) == 1


async def test_a_rerun_without_changes_tries_what_failed(driver: Driver) -> None:
    workflow = await driver.workflow(BREAKS_ON_DEMAND)
    first = await driver.ended(await driver.start(workflow, {"code": 1}))

    made = await driver.client.post(f"/api/v1/runs/{first['id']}/rerun", json={})

    second = await driver.ended(made.json()["id"])
    assert states_of(second) == {
        "before": "succeeded",
        "noted": "succeeded",
        "breaks": "failed",
        "after": "skipped",
    }
    assert steps_of(second)["noted"]["reused_from"] == first["id"]


async def test_a_rerun_repeats_the_steps_whose_inputs_changed(driver: Driver) -> None:
    workflow = await driver.workflow(BREAKS_ON_DEMAND)
    first = await driver.ended(await driver.start(workflow, {"code": 0}))

    made = await driver.client.post(
        f"/api/v1/runs/{first['id']}/rerun", json={"inputs": {"note": "new"}}
    )

    steps = steps_of(await driver.ended(made.json()["id"]))
    assert steps["noted"]["outputs"] == {"note": "new"}
    assert steps["noted"]["reused_from"] is None
    assert {steps[name]["reused_from"] for name in ("before", "breaks", "after")} == {first["id"]}


async def test_a_rerun_can_change_one_steps_input(driver: Driver) -> None:
    workflow = await driver.workflow(BREAKS_ON_DEMAND)
    first = await driver.ended(await driver.start(workflow, {"code": 1}))

    made = await driver.client.post(
        f"/api/v1/runs/{first['id']}/rerun",
        json={"step_inputs": {"breaks": {"fake": {"exit_code": 0}}}},
    )

    second = await driver.ended(made.json()["id"])
    assert second["state"] == "succeeded"
    assert steps_of(second)["before"]["reused_from"] == first["id"]


async def test_a_rerun_refuses_a_step_input_that_the_agent_does_not_take(driver: Driver) -> None:
    await driver.agent("strict", more_inputs=False)
    workflow = await driver.workflow("name: strictly\nnodes:\n  only: {agent: strict}\n")
    first = await driver.ended(await driver.start(workflow))
    before = (await driver.client.get("/api/v1/runs?limit=200")).json()["items"]

    refused = await driver.client.post(
        f"/api/v1/runs/{first['id']}/rerun", json={"step_inputs": {"only": {"nummber": 1}}}
    )

    assert (refused.status_code, refused.json()["code"]) == (422, "run_invalid")
    assert 'Did you mean "number"?' in refused.json()["hint"]
    assert (await driver.client.get("/api/v1/runs?limit=200")).json()["items"] == before


async def test_a_step_input_holds_in_later_reruns_until_it_is_replaced_or_taken_back(
    driver: Driver,
) -> None:
    await driver.agent("strict", more_inputs=False)
    workflow = await driver.workflow("name: strictly\nnodes:\n  only: {agent: strict}\n")
    run = await driver.ended(await driver.start(workflow))

    seen = []
    for given in ({"number": 1}, {}, {"number": 2}, {"number": None}, {}):
        made = await driver.client.post(
            f"/api/v1/runs/{run['id']}/rerun",
            json={"start_at": "only", "step_inputs": {"only": given}},
        )
        run = await driver.ended(made.json()["id"])
        seen.append(steps_of(run)["only"]["inputs"].get("number"))

    assert seen == [1, 1, 2, None, None]


async def test_a_run_under_way_cannot_be_run_again(driver: Driver) -> None:
    workflow = await driver.workflow("name: slow\nnodes:\n  only: {agent: risky}\n")
    run_id = await driver.start(workflow)

    refused = await driver.client.post(f"/api/v1/runs/{run_id}/rerun", json={})

    assert (refused.status_code, refused.json()["code"]) == (409, "run_unfinished")
    await driver.cancel(run_id)
    await driver.ended(run_id)
