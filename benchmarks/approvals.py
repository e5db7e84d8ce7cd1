"""From a person's decision to the next step: recorded as started, and its program running."""

import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.hub import Hub, running_hub
from benchmarks.stats import Figure, table

DECISIONS = 300
_WAIT_SECONDS = 30.0
_MANIFEST = """\
name: stamper
version: 1.0.0
description: Says when its first line ran.
type: UTILITY
risk: APPROVAL_REQUIRED
command: [python, main.py]
warm: true
inputs: {type: object}
outputs: {type: object, properties: {at: {type: number}}, required: [at]}
limits: {memory: 64MiB, pids: 16}
"""
_PROGRAM = """\
import time

at = time.time()
import json

with open("/out/output.json", "w") as output:
    json.dump({"at": at}, output)
"""
_WORKFLOW = "name: gated\nnodes:\n  change: {agent: stamper}\n"


def _prepare(hub: Hub) -> None:
    with tempfile.TemporaryDirectory(prefix="commandcenter-bench-agent-") as folder:
        (Path(folder) / "agent.yaml").write_text(_MANIFEST)
        (Path(folder) / "main.py").write_text(_PROGRAM)
        hub.post("/agents", {"folder": folder})
    hub.add_workflow(_WORKFLOW)


def _pending(hub: Hub, run_id: str) -> str:
    deadline = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < deadline:
        items: list[dict[str, Any]] = hub.get(f"/approvals?run_id={run_id}")["items"]
        if items:
            return str(items[0]["id"])
        time.sleep(0.01)
    raise TimeoutError(run_id)


def decide(hub: Hub, decisions: int = DECISIONS) -> tuple[list[float], list[float], list[float]]:
    """Milliseconds from the decision to the recorded attempt, to its process, to its first line.

    All by one machine's clock: the decision's time is the one recorded with the answer.
    """
    recorded, started, running = [], [], []
    for _ in range(decisions):
        run_id = hub.start("gated")
        answered = hub.post(
            f"/approvals/{_pending(hub, run_id)}/respond", {"decision": "approve", "comment": ""}
        )
        decided = datetime.fromisoformat(answered["decided_at"]).timestamp()
        run = hub.wait(run_id)
        assert run["state"] == "succeeded", run["message"]
        [step] = run["steps"]
        [attempt] = step["attempts"]
        recorded.append((_seconds(attempt["created_at"]) - decided) * 1000)
        started.append((_seconds(attempt["started_at"]) - decided) * 1000)
        running.append((step["outputs"]["at"] - decided) * 1000)
    return recorded, started, running


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def main() -> list[Figure]:
    with running_hub() as hub:
        _prepare(hub)
        decide(hub, 3)
        recorded, started, running = decide(hub)
    return [
        Figure("decision to next attempt recorded", recorded),
        Figure("decision to next attempt's process started", started, "p99 100"),
        Figure("decision to first line of its program", running),
    ]


if __name__ == "__main__":
    print(table(main()))
