"""Killing hub and runner with SIGKILL while an agent finds out whether its step can be done."""

import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from commandcenter.runner.bwrap import find_bubblewrap
from commandcenter.runner.errors import IsolationError
from tests.integration.durable.process import ServerProcess, eventually, runner_of
from tests.scenarios.driver import make_agent, make_repository, steps_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

_SECONDS = 60.0
# A check lasts until the test lets it go on; what does the work says so in the workspace.
PROGRAM = """\
import json, os, sys, time

checks = "fake" in json.load(open("/in/input.json"))
print("checking" if checks else "working", flush=True)
while checks and not os.path.exists("/workspace/go"):
    time.sleep(0.02)
if not checks:
    with open("/workspace/done", "a") as done:
        done.write("x")
"""
WORKFLOW = """\
name: gated
inputs: {project: {type: string, format: project}}
nodes:
  change: {agent: careful}
"""


@dataclass
class Gated:
    """One run on the sandbox whose check goes on until `let_go`."""

    hub: ServerProcess
    workspace: Path
    run_id: str

    def step(self) -> dict[str, Any]:
        return steps_of(self.hub.get(f"/runs/{self.run_id}"))["change"]

    def log(self) -> str:
        return self.hub.request("GET", f"/runs/{self.run_id}/steps/change/logs").text

    def let_go(self) -> None:
        (self.workspace / "go").write_text("")

    def kill(self, *, runner: bool) -> None:
        self.hub.kill()
        if runner:
            pid = runner_of(self.hub.data)
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
        self.hub.start()

    def approval(self) -> dict[str, Any]:
        """Wait for the one question that there is to be."""
        path = f"/approvals?run_id={self.run_id}"
        found = eventually(lambda: self.hub.get(path)["items"], bool, seconds=_SECONDS)
        assert [item["state"] for item in found] == ["pending"]
        approval: dict[str, Any] = self.hub.get(f"/approvals/{found[0]['id']}")
        return approval

    def approve(self) -> dict[str, Any]:
        """Approve, and return the step as it ended."""
        body = {"decision": "approve", "comment": ""}
        self.hub.post(f"/approvals/{self.approval()['id']}/respond", json=body)
        eventually(
            lambda: self.hub.get(f"/runs/{self.run_id}")["state"],
            lambda state: state == "succeeded",
            seconds=_SECONDS,
        )
        return self.step()


@pytest.fixture
def gated() -> Iterator[Gated]:
    """A run whose check is at work."""
    try:
        find_bubblewrap()
    except IsolationError as error:
        pytest.skip(error.detail)
    with tempfile.TemporaryDirectory(prefix="cc-checks-") as name:
        home = Path(name)
        workspace = make_repository(home / "projects" / "shop")
        agent = make_agent(
            home / "projects" / "careful",
            name="careful",
            risk="APPROVAL_REQUIRED",
            on_lost="fail",
            workspace="write",
            program=PROGRAM,
            check={"inputs": {"fake": {}}, "timeout": "5m"},
        )
        settings = {"runtime": "sandbox", "allowed_roots": str(home / "projects")}
        hub = ServerProcess(home / "data", settings=settings)
        hub.start()
        try:
            hub.post("/projects", json={"path": str(workspace), "name": "shop"})
            hub.post("/agents", json={"folder": str(agent)})
            yaml = {"Content-Type": "application/yaml"}
            hub.post("/workflows", content=WORKFLOW, headers=yaml)
            run = hub.post("/runs", json={"workflow": "gated", "project": "shop"})
            made = Gated(hub, workspace, run["id"])
            eventually(made.log, lambda text: "checking" in text, seconds=_SECONDS)
            yield made
        finally:
            hub.kill()
            pid = runner_of(hub.data)
            if pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def test_a_killed_hub_adopts_the_check(gated: Gated) -> None:
    gated.kill(runner=False)
    gated.let_go()

    approval = gated.approval()
    resumed = gated.hub.get("/recovery")["resumed"]
    step = gated.approve()

    assert approval["check"]["outcome"] == "possible"
    assert [run["adopted"] for run in resumed] == [[f"{gated.run_id}.change.check-1"]]
    assert [check["state"] for check in step["checks"]] == ["succeeded"]
    assert len(step["attempts"]) == 1
    assert (gated.workspace / "done").read_text() == "x"


def test_a_check_that_died_with_its_runner_is_made_again(gated: Gated) -> None:
    gated.kill(runner=True)
    eventually(gated.step, lambda step: len(step["checks"]) == 2, seconds=_SECONDS)
    gated.let_go()

    approval = gated.approval()
    resumed = gated.hub.get("/recovery")["resumed"]
    step = gated.approve()

    assert approval["check"]["outcome"] == "possible"
    assert [run["run_again"] for run in resumed] == [[f"{gated.run_id}.change.check-1"]]
    assert [check["reason"] for check in step["checks"]] == ["lost", None]
    assert len(step["attempts"]) == 1


def test_a_hub_killed_while_people_are_asked_does_not_check_again(gated: Gated) -> None:
    gated.let_go()
    before = gated.approval()

    gated.kill(runner=True)
    eventually(lambda: gated.hub.get("/recovery")["resumed"], bool, seconds=_SECONDS)
    step = gated.approve()

    assert step["approval_id"] == before["id"]
    assert (len(step["checks"]), len(step["attempts"])) == (1, 1)
