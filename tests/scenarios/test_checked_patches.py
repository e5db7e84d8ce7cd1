"""Patches checked by the real patcher in the real sandbox before anybody is asked about them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from commandcenter.runner.bwrap import find_bubblewrap
from commandcenter.runner.client import RunnerClient
from commandcenter.runner.errors import IsolationError
from commandcenter.runner.paths import RunnerPaths
from tests.conformance.runtimes.harness import end_runner
from tests.scenarios.driver import Driver, commit, git, scenario_hub, steps_of, until

WORKFLOW = """\
name: patch
inputs: {project: {type: string, format: project}, patch: {type: string}}
nodes:
  fix:
    agent: patcher
    with: {repositoryPath: "{{inputs.project}}", patchContent: "{{{inputs.patch}}}"}
"""
PATCH = "--- a/README\n+++ b/README\n@@ -1 +1 @@\n-hello\n+hello, world\n"
OUTSIDE = "--- a/README\n+++ b/../out\n@@ -1 +1 @@\n-hello\n+x\n"

LOOKING = """\
name: looks
inputs: {project: {type: string, format: project}}
nodes:
  only: {agent: looks}
"""
# Writes what it sees and can do into its log, then waits where it is told to.
LOOKS = """\
import json, os, socket, time

given = json.load(open("/in/input.json"))
if given.get("fake"):
    try:
        open("/workspace/written", "w")
    except OSError as error:
        print("writing:", error.strerror, flush=True)
    print("secrets:", os.path.isdir("/run/secrets") and os.listdir("/run/secrets"), flush=True)
    print("network:", [name for _, name in socket.if_nameindex()], flush=True)
    time.sleep(given["fake"]["seconds"])
"""


# A check of it lasts as long as there is a file `hold` in the workspace.
HOLDS = """\
import json, os, time

while json.load(open("/in/input.json")).get("fake") and os.path.exists("/workspace/hold"):
    time.sleep(0.02)
"""


@asynccontextmanager
async def sandbox_hub(directory: Path) -> AsyncIterator[Driver]:
    try:
        find_bubblewrap()
    except IsolationError as error:
        pytest.skip(error.detail)
    async with scenario_hub(directory, None, runtime="sandbox", drain_seconds=0) as driver:
        yield driver


@pytest.fixture
async def sandboxed(tmp_path: Path) -> AsyncIterator[Driver]:
    async with sandbox_hub(tmp_path) as driver:
        yield driver
    await end_runner(RunnerPaths(tmp_path / "data"))


async def patched(driver: Driver, patch: str) -> str:
    workflow = await driver.workflow(WORKFLOW)
    return await driver.start(workflow, {"patch": patch}, project="shop")


async def refused(driver: Driver, patch: str) -> dict[str, Any]:
    """Start the run, which must fail without a question; return its step."""
    run_id = await patched(driver, patch)
    step = steps_of(await driver.ended(run_id))["fix"]
    assert (step["state"], step["reason"], step["attempts"]) == ("failed", "check_failed", [])
    assert await driver.approvals(run_id) == []
    return step


async def test_a_good_patch_is_asked_about_and_applied(sandboxed: Driver) -> None:
    folder = await sandboxed.project("shop")
    tip = git(folder, "rev-parse", "HEAD")
    run_id = await patched(sandboxed, PATCH)

    approval = await sandboxed.pending_approval(run_id)

    assert approval["check"]["outcome"] == "possible"
    assert approval["check"]["files"] == ["README"]
    assert f"the patch fits main at {tip[:12]}" in approval["check"]["message"]
    assert approval["notes"] == []
    assert approval["effect"]["inputs"].get("dryRun") is None
    assert git(folder, "status", "--porcelain", "--ignored") == ""
    assert not (folder / ".git" / "commandcenter").exists()
    await sandboxed.answer(approval["id"])
    step = steps_of(await sandboxed.ended(run_id))["fix"]
    assert step["outputs"]["applied"] is True
    assert (folder / "README").read_text() == "hello, world\n"
    assert git(folder, "rev-parse", "HEAD^") == tip


@pytest.mark.parametrize(
    ("patch", "words"),
    [
        (PATCH.replace("-hello\n", "-something else\n"), "does not fit what is there now"),
        (OUTSIDE, "out"),
        ("\x00\x01binary garbage\n", ""),
    ],
)
async def test_what_does_not_fit_is_not_asked_about(
    sandboxed: Driver, patch: str, words: str
) -> None:
    folder = await sandboxed.project("shop")
    step = await refused(sandboxed, patch)
    assert words in step["message"]
    assert step["checks"][0]["report"]["conflicts"]
    assert git(folder, "status", "--porcelain") == ""


async def test_a_dirty_working_tree_is_told_at_once(sandboxed: Driver) -> None:
    folder = await sandboxed.project("shop")
    (folder / "README").write_text("hello, edited\n")

    step = await refused(sandboxed, PATCH)

    assert "README: has changes that are not committed" in step["message"]
    assert (folder / "README").read_text() == "hello, edited\n"


async def test_a_branch_without_a_commit_is_told_at_once(sandboxed: Driver) -> None:
    folder = sandboxed.projects / "empty"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    made = await sandboxed.client.post(
        "/api/v1/projects", json={"path": str(folder), "name": "shop"}
    )
    assert made.status_code == 201, made.text
    assert "no commit yet" in (await refused(sandboxed, PATCH))["message"]


async def test_a_patch_that_no_longer_fits_closes_its_question(sandboxed: Driver) -> None:
    folder = await sandboxed.project("shop")
    run_id = await patched(sandboxed, PATCH)
    approval = await sandboxed.pending_approval(run_id)
    (folder / "README").write_text("good bye\n")
    commit(folder, "somebody else's change")

    await sandboxed.answer(approval["id"])
    step = steps_of(await sandboxed.ended(run_id))["fix"]

    assert (step["reason"], step["attempts"]) == ("check_failed", [])
    assert [item["state"] for item in await sandboxed.approvals(run_id)] == ["superseded"]
    assert (folder / "README").read_text() == "good bye\n"


async def test_a_patch_that_is_there_already_is_asked_about_with_a_warning(
    sandboxed: Driver,
) -> None:
    folder = await sandboxed.project("shop")
    (folder / "README").write_text("hello, world\n")
    commit(folder, "the same by hand")

    approval = await sandboxed.pending_approval(await patched(sandboxed, PATCH))

    assert any("no file would change: nothing to do" in note for note in approval["notes"])
    await sandboxed.answer(approval["id"], "reject")


async def test_a_check_can_change_nothing_and_is_given_nothing(sandboxed: Driver) -> None:
    await sandboxed.agent(
        "looks",
        risk="APPROVAL_REQUIRED",
        workspace="write",
        program=LOOKS,
        check={"inputs": {"fake": {"seconds": 0}}},
    )
    folder = await sandboxed.project("shop")
    run_id = await sandboxed.start(await sandboxed.workflow(LOOKING), project="shop")
    await sandboxed.pending_approval(run_id)

    log = await sandboxed.client.get(
        f"/api/v1/runs/{run_id}/steps/only/logs", headers={"Accept": "text/plain"}
    )

    assert "writing: Read-only file system" in log.text
    assert not (folder / "written").exists()
    assert "network: ['lo']" in log.text or "network: []" in log.text
    await sandboxed.cancel(run_id)
    await sandboxed.ended(run_id)


async def test_cancelling_ends_a_sandboxed_check(sandboxed: Driver) -> None:
    run_id = await _waits_in_its_check(sandboxed)

    await sandboxed.cancel(run_id)
    run = await sandboxed.ended(run_id)

    assert run["state"] == "cancelled"
    [check] = steps_of(run)["only"]["checks"]
    assert (check["state"], check["reason"]) == ("cancelled", "cancelled")
    assert await sandboxed.approvals(run_id) == []


async def test_a_check_is_adopted_after_a_restart(tmp_path: Path) -> None:
    async with sandbox_hub(tmp_path) as driver:
        run_id = await _waits_in_its_check(driver, seconds=3)
        folder = driver.projects / "shop"
    async with sandbox_hub(tmp_path) as driver:
        approval = await driver.pending_approval(run_id)
        report = (await driver.client.get("/api/v1/recovery")).json()
        step = steps_of(await driver.run(run_id))["only"]
        await driver.cancel(run_id)
        await driver.ended(run_id)
    await end_runner(RunnerPaths(tmp_path / "data"))

    assert [run["adopted"] for run in report["resumed"]] == [[f"{run_id}.only.check-1"]]
    assert approval["check"]["outcome"] == "possible"
    assert [check["state"] for check in step["checks"]] == ["succeeded"]
    assert not (folder / "written").exists()


async def test_a_check_of_what_has_changed_since_is_dropped(tmp_path: Path) -> None:
    async with sandbox_hub(tmp_path) as driver:
        run_id = await _waits_in_its_check(driver, seconds=600)
        folder = driver.projects / "shop"
    commit(folder, "while the hub was away")
    async with sandbox_hub(tmp_path) as driver:
        await until(
            lambda: driver.run(run_id),  # awaited here
            lambda run: len(steps_of(run)["only"]["checks"]) == 2,
        )
        await driver.cancel(run_id)
        run = await driver.ended(run_id)
    await end_runner(RunnerPaths(tmp_path / "data"))

    first, second = steps_of(run)["only"]["checks"]
    assert (first["state"], second["state"]) == ("cancelled", "cancelled")
    assert "had changed" in first["message"]


async def test_a_target_that_moved_and_came_back_leaves_the_question_as_it_was(
    tmp_path: Path,
) -> None:
    async with sandbox_hub(tmp_path) as driver:
        await driver.agent(
            "looks",
            risk="APPROVAL_REQUIRED",
            workspace="write",
            program=HOLDS,
            check={"inputs": {"fake": {"seconds": 0}}, "timeout": "10m"},
        )
        folder = await driver.project("shop")
        run_id = await driver.start(await driver.workflow(LOOKING), project="shop")
        before = await driver.pending_approval(run_id)
    (folder / "hold").write_text("")
    git(folder, "commit", "-q", "--allow-empty", "-m", "moves")
    async with sandbox_hub(tmp_path) as driver:
        await driver.step_in(run_id, "only", "running")
    git(folder, "reset", "-q", "--soft", "HEAD^")
    async with sandbox_hub(tmp_path) as driver:
        run = await driver.step_in(run_id, "only", "waiting")
        await driver.answer(before["id"])
        ended = await driver.ended(run_id)
        client = RunnerClient(tmp_path / "data")
        status = await client.status()
        await client.close()
    await end_runner(RunnerPaths(tmp_path / "data"))

    step = steps_of(run)["only"]
    assert [check["state"] for check in step["checks"]] == ["succeeded", "cancelled"]
    assert step["approval_id"] == before["id"]
    assert (ended["state"], len(steps_of(ended)["only"]["attempts"])) == ("succeeded", 1)
    assert status["attempts"] == 0


async def _waits_in_its_check(driver: Driver, *, seconds: float = 600) -> str:
    """Start a run on the project `shop` whose check takes so long; return once it is at work."""
    await driver.agent(
        "looks",
        risk="APPROVAL_REQUIRED",
        workspace="write",
        program=LOOKS,
        check={"inputs": {"fake": {"seconds": seconds}}, "timeout": "10m"},
    )
    await driver.project("shop")
    run_id = await driver.start(await driver.workflow(LOOKING), project="shop")

    async def log() -> str:
        answer = await driver.client.get(
            f"/api/v1/runs/{run_id}/steps/only/logs", headers={"Accept": "text/plain"}
        )
        return answer.text

    await until(log, lambda text: "network:" in text)
    return run_id
