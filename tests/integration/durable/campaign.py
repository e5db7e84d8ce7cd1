"""Runs of a 1-3-1 workflow under kills, and the account of what must hold afterwards."""

import json
import os
import random
import signal
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.integration.durable.process import (
    ServerProcess,
    eventually,
    processes_with,
    runner_of,
)
from tests.scenarios.driver import make_repository

FINAL = frozenset({"succeeded", "failed", "cancelled"})
_MOST_UNFINISHED = 4
# A step that is lost ten times is given up: what ends with the runner gets time to end by itself.
_LONGEST_PAUSE = {"hub": 0.7, "runner": 2.0, "both": 2.0}
NODES = ("plan", "left", "middle", "right", "join")

# Appends a line when it begins and one when it ends: what ran twice is there twice.
PROGRAM = """\
import json, os, time

given = json.load(open("/in/input.json"))
counter = os.open(
    f"/workspace/{given['run']}.{given['node']}", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644
)
os.write(counter, b"begin\\n")
time.sleep(given["seconds"])
with open("/out/output.json", "w") as output:
    json.dump({"said": given["node"] + given.get("heard", "")}, output)
os.write(counter, b"end\\n")
"""
MANIFEST = """\
name: counter
version: 1.0.0
description: Counts how often it ran, for tests.
type: UTILITY
risk: AUTO
command: [python, main.py, {marker}]
on_lost: {on_lost}
workspace: write
inputs: {{type: object, properties: {{project: {{type: string, format: project}}}}}}
outputs: {{type: object, required: [said]}}
timeout: 60s
grace: 0s
"""
WORKFLOW = """\
name: campaign
inputs: {project: {type: string, format: project}}
nodes:
  plan: {agent: counter, with: {run: "{{run.id}}", node: plan, seconds: 0.1}}
  left: {agent: counter, needs: [plan], with: {run: "{{run.id}}", node: left, seconds: 0.5, heard: ":{{nodes.plan.outputs.said}}"}}
  middle: {agent: counter, needs: [plan], with: {run: "{{run.id}}", node: middle, seconds: 0.05, heard: ":{{nodes.plan.outputs.said}}"}}
  right: {agent: counter, needs: [plan], with: {run: "{{run.id}}", node: right, seconds: 0.25, heard: ":{{nodes.plan.outputs.said}}"}}
  join:
    agent: counter
    needs: [left, middle, right]
    with: {run: "{{run.id}}", node: join, seconds: 0.1, heard: ":{{nodes.left.outputs.said}},{{nodes.middle.outputs.said}},{{nodes.right.outputs.said}}"}
"""
JOINED = "join:left:plan,middle:plan,right:plan"


@dataclass
class Campaign:
    """One data directory with one hub on the sandbox runtime."""

    home: Path
    seed: int
    settings: dict[str, str] = field(default_factory=dict)
    runs: list[str] = field(default_factory=list)
    kills: Counter[str] = field(default_factory=Counter)
    adopted: int = 0
    run_again: int = 0
    lost: int = 0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.data = self.home / "data"
        self.projects = self.home / "projects"
        self.marker = f"marker-{self.seed}-{time.monotonic_ns()}"
        self.hub = ServerProcess(
            self.data,
            settings={
                "runtime": "sandbox",
                "allowed_roots": str(self.projects),
                "drain_seconds": "5",
                **self.settings,
            },
        )

    def begin(self, *, on_lost: str = "retry") -> None:
        self.workspace = make_repository(self.projects / "counted")
        agent = self.projects / "counter"
        agent.mkdir()
        (agent / "agent.yaml").write_text(MANIFEST.format(marker=self.marker, on_lost=on_lost))
        (agent / "main.py").write_text(PROGRAM)
        self.hub.start()
        self.hub.post("/projects", json={"path": str(self.workspace), "name": "counted"})
        self.hub.post("/agents", json={"folder": str(agent)})
        self.hub.post("/workflows", content=WORKFLOW, headers={"Content-Type": "application/yaml"})

    def start_run(self) -> str:
        run = self.hub.post("/runs", json={"workflow": "campaign", "project": "counted"})
        self.runs.append(run["id"])
        return str(run["id"])

    def refill(self) -> None:
        """Keep something going that a kill can hit."""
        for _ in range(_MOST_UNFINISHED - len(self.unfinished())):
            self.start_run()

    def unfinished(self) -> list[str]:
        page = self.hub.get("/runs?limit=100")
        return [run["id"] for run in page["items"] if run["state"] not in FINAL]

    def fill_until_executed_by(self, executor_id: str) -> None:
        """Start runs until this executor has one under way."""

        def has_one() -> bool:
            self.refill()
            return any(
                event["data"].get("executor_id") == executor_id
                for run_id in self.unfinished()
                for event in self.events(run_id)
            )

        eventually(has_one, lambda found: found, seconds=30)

    def strike(self, what: str, *, at_work: bool = False) -> None:
        """Kill at a random moment, start again, and take down what the new start tells.

        With `at_work` the moment is the first at which an attempt is seen to run.
        """
        if at_work:
            self._see_work()
        else:
            time.sleep(self.random.uniform(0.0, _LONGEST_PAUSE[what]))
        if what in {"runner", "both"}:
            # Right after a kill the hub is still about to start the next one.
            runner = eventually(
                lambda: runner_of(self.data), lambda pid: pid is not None, seconds=20
            )
            assert runner is not None
            os.kill(runner, signal.SIGKILL)
            self.kills["runner"] += 1
        if what in {"hub", "both"}:
            self.hub.kill()
            self.kills["hub"] += 1
            self.hub.start()
            self._take_down()

    def restart_in_order(self) -> None:
        """Stop the hub while an attempt runs, and start it again."""
        self._see_work()
        assert self.hub.terminate() == 0
        self.hub.start()
        self._take_down()

    def _see_work(self) -> None:
        eventually(lambda: processes_with(self.marker), bool, seconds=20)

    def _take_down(self) -> None:
        report = eventually(
            lambda: self.hub.get("/recovery"), lambda found: not found["pending"], seconds=20
        )
        assert not report["gave_up"], report
        for resumed in report["resumed"]:
            self.adopted += len(resumed["adopted"])
            self.run_again += len(resumed["run_again"])
            self.lost += len(resumed["lost"])

    def finish(self) -> dict[str, Any]:
        """Wait until every run has ended; return them by id."""
        eventually(self.unfinished, lambda left: not left, seconds=60)
        return {run_id: self.hub.get(f"/runs/{run_id}") for run_id in self.runs}

    def counted(self, run_id: str, node: str) -> list[str]:
        try:
            return (self.workspace / f"{run_id}.{node}").read_text().split()
        except FileNotFoundError:
            return []

    def events(self, run_id: str) -> list[dict[str, Any]]:
        page = self.hub.get(f"/events?run_id={run_id}&limit=500")
        items: list[dict[str, Any]] = page["items"]
        return items

    def check_records(self, run_id: str) -> None:
        """No step ended twice, and none got an attempt after its recorded end."""
        ended: set[str] = set()
        for event in self.events(run_id):
            if event["type"] == "step.finished":
                assert event["subject"] not in ended, f"{event['subject']} ended twice"
                ended.add(event["subject"])
            if event["type"] == "attempt.started":
                node = event["data"]["node"]
                assert node not in ended, f"{node} ran again after its end"

    def end(self) -> None:
        """Stop hub and runner in order; afterwards nothing of theirs is left on the machine."""
        if runner_of(self.data) is None:
            # Killed when nothing needed it any more: the next one clears up after it.
            self.start_run()
            self.finish()
        self.hub.terminate()
        cgroups, staging = self._noted("cgroups"), self._noted("staging")
        runner = runner_of(self.data)
        if runner is not None:
            os.kill(runner, signal.SIGTERM)
        eventually(lambda: runner_of(self.data), lambda pid: pid is None, seconds=20)
        eventually(lambda: processes_with(self.marker), lambda found: not found, seconds=10)
        left = [
            leaf for base in cgroups if base.exists() for leaf in base.iterdir() if leaf.is_dir()
        ]
        assert not left, left
        assert not [directory for directory in staging if directory.exists()], staging
        mounts = Path("/proc/mounts").read_text()
        assert not [place for place in (self.data, *staging) if str(place) in mounts], mounts

    def abort(self) -> None:
        """Leave nothing behind, whatever state it is in."""
        with suppress(AssertionError, OSError):
            self.hub.kill()
        for pid in [runner_of(self.data), *processes_with(self.marker)]:
            if pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def _noted(self, what: str) -> list[Path]:
        """Return the directories on the machine that the runner has noted as its own."""
        noted = json.loads((self.data / "runner" / "leftovers.json").read_text())
        return [Path(directory) for directory in noted.get(what, ())]
