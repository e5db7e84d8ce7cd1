"""Gates: who may open them, for what, and what happens when nobody does."""

import asyncio

import pytest

from tests.scenarios.driver import Driver, commit, states_of, steps_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

RISKY = "name: risky\nnodes:\n  change: {agent: risky}\n"


def gate(name: str, rules: str, *, agent: str = "tool") -> str:
    return f"name: {name}\nnodes:\n  change: {{agent: {agent}, approval: {rules}}}\n"


async def test_an_approved_step_runs(driver: Driver) -> None:
    run_id = await driver.start(await driver.workflow(RISKY))
    approval = await driver.pending_approval(run_id)
    assert states_of(await driver.run(run_id)) == {"change": "waiting"}

    answered = await driver.answer(approval["id"], comment="looks right")

    assert answered.status_code == 200
    run = await driver.ended(run_id)
    assert run["state"] == "succeeded"
    audit = (await driver.client.get("/api/v1/audit")).json()["items"]
    entry = next(item for item in audit if item["subject"] == approval["id"])
    assert entry["action"] == "approval.approve"
    assert entry["data"]["comment"] == "looks right"


async def test_a_rejected_step_fails_without_an_attempt(driver: Driver) -> None:
    run_id = await driver.start(await driver.workflow(RISKY))
    approval = await driver.pending_approval(run_id)

    await driver.answer(approval["id"], "reject")

    step = steps_of(await driver.ended(run_id))["change"]
    assert (step["state"], step["reason"], step["attempts"]) == ("failed", "rejected", [])


async def test_a_question_nobody_answers_expires(driver: Driver) -> None:
    source = gate("expires", "{timeout: 300ms}")
    run_id = await driver.start(await driver.workflow(source))
    approval = await driver.pending_approval(run_id)

    step = steps_of(await driver.ended(run_id))["change"]

    assert (step["state"], step["reason"], step["attempts"]) == ("failed", "approval_expired", [])
    assert [item["state"] for item in await driver.approvals(run_id)] == ["expired"]
    late = await driver.answer(approval["id"])
    assert (late.status_code, late.json()["code"]) == (409, "approval_already_decided")


async def test_a_quorum_takes_different_people(driver: Driver) -> None:
    source = gate("quorum", "{groups: [maintainers], quorum: 2}")
    run_id = await driver.start(await driver.workflow(source))
    approval = await driver.pending_approval(run_id)
    token = await driver.hub.token_for("approver", name="q2", groups=("maintainers",))

    first = await driver.answer(approval["id"])
    again = await driver.answer(approval["id"])

    assert first.json()["state"] == "pending"
    assert (again.status_code, again.json()["code"]) == (409, "approval_already_answered")
    async with driver.as_token(token) as other:
        second = await driver.answer(approval["id"], client=other)
    assert second.json()["state"] == "approved"
    assert (await driver.ended(run_id))["state"] == "succeeded"


async def test_only_members_of_the_groups_decide(driver: Driver) -> None:
    source = gate("groups", "{groups: [security]}")
    run_id = await driver.start(await driver.workflow(source))
    approval = await driver.pending_approval(run_id)
    token = await driver.hub.token_for("approver", name="g1", groups=("security",))

    outsider = await driver.answer(approval["id"])

    assert (outsider.status_code, outsider.json()["code"]) == (403, "approval_not_yours")
    async with driver.as_token(token) as member:
        assert (await driver.answer(approval["id"], client=member)).status_code == 200
    assert (await driver.ended(run_id))["state"] == "succeeded"


async def test_where_forbidden_nobody_approves_their_own_run(driver: Driver) -> None:
    source = gate("four-eyes", "{allow_self: false}")
    run_id = await driver.start(await driver.workflow(source))
    approval = await driver.pending_approval(run_id)

    own = await driver.answer(approval["id"])

    assert (own.status_code, own.json()["code"]) == (403, "approval_not_yours")
    token = await driver.hub.token_for("approver", name="f1")
    async with driver.as_token(token) as other:
        assert (await driver.answer(approval["id"], client=other)).status_code == 200
    await driver.ended(run_id)


async def test_of_two_opposite_answers_at_once_one_decides(driver: Driver) -> None:
    run_id = await driver.start(await driver.workflow(RISKY))
    approval = await driver.pending_approval(run_id)
    token = await driver.hub.token_for("approver", name="r1", groups=("maintainers",))

    async with driver.as_token(token) as other:
        answers = await asyncio.gather(
            driver.answer(approval["id"], "approve"),
            driver.answer(approval["id"], "reject", client=other),
        )

    assert sorted(answer.status_code for answer in answers) == [200, 409]
    run = await driver.ended(run_id)
    won = "approve" if answers[0].status_code == 200 else "reject"
    assert states_of(run) == {"change": "succeeded" if won == "approve" else "failed"}
    decisions = (await driver.client.get(f"/api/v1/approvals/{approval['id']}")).json()["decisions"]
    assert [decision["decision"] for decision in decisions] == [won]


async def test_a_workflow_adds_a_gate_and_never_takes_the_agents_away(driver: Driver) -> None:
    run_id = await driver.start(await driver.workflow(RISKY))

    approval = await driver.pending_approval(run_id)

    assert approval["groups"] == ["maintainers"]
    assert approval["effect"]["agent"]["risk"] == "APPROVAL_REQUIRED"
    await driver.cancel(run_id)
    await driver.ended(run_id)


async def test_a_moved_target_is_asked_about_again(driver: Driver) -> None:
    folder = await driver.project("moving")
    source = (
        "name: on-project\ninputs: {project: {type: string, format: project}}\n"
        "nodes:\n  change: {agent: risky, with: {fake: {echo_input: true}}}\n"
    )
    run_id = await driver.start(await driver.workflow(source), project="moving")
    first = await driver.pending_approval(run_id)

    commit(folder, "somebody else's change")
    await driver.answer(first["id"])
    second = await driver.pending_approval(run_id)

    assert second["id"] != first["id"]
    assert second["effect"]["target"]["commit"] != first["effect"]["target"]["commit"]
    assert second["effect_hash"] != first["effect_hash"]
    old, new = (one["effect"]["target"]["commit"][:8] for one in (first, second))
    reason = f"main moved from {old} to {new} since approval {first['id']}"
    assert first["asked_again"] is None
    assert second["asked_again"] == second["effect"]["asked_again"] == reason
    waiting = steps_of(await driver.run(run_id))["change"]
    assert waiting["message"] == f"waits for another approval: {reason}"
    asked = [event for event in await driver.events(run_id) if event["type"] == "step.waiting"]
    assert [event["data"].get("asked_again") for event in asked] == [None, reason]
    answered = (await driver.client.get(f"/api/v1/approvals/{first['id']}")).json()
    assert answered["state"] == "superseded"
    assert [decision["decision"] for decision in answered["decisions"]] == ["approve"]
    assert steps_of(await driver.run(run_id))["change"]["attempts"] == []
    await driver.answer(second["id"])
    step = steps_of(await driver.ended(run_id))["change"]
    assert step["outputs"]["expectedBase"] == second["effect"]["target"]["commit"]


async def test_a_further_attempt_needs_its_own_yes_when_the_target_moved(driver: Driver) -> None:
    folder = await driver.project("retried")
    source = (
        "name: retried\ninputs: {project: {type: string, format: project}}\n"
        "nodes:\n  change: {agent: risky, retry: {max: 1, backoff: 500ms, jitter: false}, "
        "with: {fake: {exit_code: 1}}}\n"
    )
    run_id = await driver.start(await driver.workflow(source), project="retried")
    first = await driver.pending_approval(run_id)
    await driver.answer(first["id"])
    while not steps_of(await driver.run(run_id))["change"]["retry_at"]:
        await asyncio.sleep(0.01)

    commit(folder, "in between")
    second = await driver.pending_approval(run_id)

    assert second["id"] != first["id"]
    await driver.answer(second["id"], "reject")
    step = steps_of(await driver.ended(run_id))["change"]
    assert (step["reason"], len(step["attempts"])) == ("rejected", 1)


async def test_a_further_attempt_at_the_same_effect_is_not_asked_about(driver: Driver) -> None:
    source = (
        "name: same-effect\nnodes:\n  change: {agent: risky, retry: {max: 2, backoff: 1ms}, "
        "with: {fake: {exit_code: 1}}}\n"
    )
    run_id = await driver.start(await driver.workflow(source))
    await driver.answer((await driver.pending_approval(run_id))["id"])

    run = await driver.ended(run_id)

    assert len(steps_of(run)["change"]["attempts"]) == 3
    assert len(await driver.approvals(run_id)) == 1
