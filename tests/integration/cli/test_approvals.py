"""`approvals`, `approve`, `reject`."""

import json

from tests.integration.cli.conftest import Hub, wait_for


def _waiting(hub: Hub, patch: str) -> tuple[str, str]:
    """Start a run and return its id and that of the approval it waits for."""
    run = hub.run(
        "run", "gated", "-i", "patch=@-", "--until-approval", "--json", stdin=patch, code=3
    ).json
    return run["id"], run["approvals"][0]["id"]


def test_a_waiting_run_exits_with_3_and_says_what_approves(hub: Hub, patch: str) -> None:
    done = hub.run("run", "gated", "-i", "patch=@-", "--until-approval", stdin=patch, code=3)
    approval = hub.json("approvals")[0]["id"]
    assert f"approve {approval} --comment ok" in done.out
    assert f"{hub.url}/approvals/{approval}" in done.out
    assert "waits for an approval" in done.err
    assert hub.run("runs", "show", "latest", "--exit-code", code=3).code == 3
    hub.run("runs", "cancel", "latest", "--wait")


def test_an_approval_shows_all_there_is_to_decide_on(hub: Hub, patch: str) -> None:
    run_id, approval = _waiting(hub, patch)
    out = hub.run("approvals", "show", approval).out
    for words in (
        "risky@1.0.0: Would change something.",
        "gated, node change",
        "modified  hello.txt  +1 -1",
        "has no network",
        "members of maintainers",
        "0 of 1",
        "-hello",
        f"approve {approval}",
        f"reject {approval}",
    ):
        assert words in out
    # What would be invisible, or move the cursor, is written out.
    assert "+good\\u202ebye\\x1b[2J" in out
    assert "\x1b" not in out
    assert hub.json("approvals", "show", approval)["run_id"] == run_id
    hub.run("runs", "cancel", run_id, "--wait")


def test_approving_lets_the_run_go_on_and_a_second_answer_loses(hub: Hub, patch: str) -> None:
    run_id, approval = _waiting(hub, patch)
    done = hub.run("approve", approval[:-3], "--comment", "fine", "--watch")
    assert "gated/change is approved and goes on" in done.out
    assert "1 file: hello.txt" in done.out
    assert "has no network" in done.out
    assert "gated succeeded after" in done.out
    shown = hub.run("approvals", "show", approval).out
    assert "approve by admin" in shown
    assert "fine" in shown
    problem = json.loads(hub.run("reject", approval, "--json", code=8).err)
    assert problem["code"] == "approval_already_decided"
    assert hub.json("runs", "show", run_id)["state"] == "succeeded"


def test_rejecting_fails_the_step(hub: Hub, patch: str) -> None:
    run_id, approval = _waiting(hub, patch)
    assert "is rejected" in hub.run("reject", approval, "-m", "not now").out
    wait_for("the end", lambda: hub.json("runs", "show", run_id)["state"] == "failed")
    assert approval in hub.run("approvals", "list", "--state", "rejected").out


def test_latest_answers_the_only_open_one(hub: Hub, patch: str) -> None:
    run_id, approval = _waiting(hub, patch)
    assert hub.json("approve", "latest")["id"] == approval
    wait_for("the end", lambda: hub.json("runs", "show", run_id)["state"] == "succeeded")
    assert "Nothing waits for a decision." in hub.run("approvals").out
    assert "Nothing waits for a decision" in hub.run("approve", "latest", code=7).err


def test_latest_answers_nothing_when_several_wait(hub: Hub, patch: str) -> None:
    waiting = [_waiting(hub, patch) for _ in range(2)]
    for verb in ("approve", "reject"):
        refused = hub.run(verb, "latest", code=8)
        assert "Nothing was decided" in refused.err
        for run_id, approval in waiting:
            assert approval in refused.err
            assert run_id in refused.err
    assert {item["id"] for item in hub.json("approvals")} == {item for _, item in waiting}
    for run_id, _ in waiting:
        hub.run("runs", "cancel", run_id, "--wait", code=None)


def test_one_open_approval_is_shown_whole(hub: Hub, patch: str) -> None:
    run_id, _ = _waiting(hub, patch)
    assert "-hello" in hub.run("approvals").out
    other, _ = _waiting(hub, patch)
    listed = hub.run("approvals").out
    assert "-hello" not in listed
    assert listed.count("gated/change") == 2
    for run in (run_id, other):
        hub.run("runs", "cancel", run, "--wait")
