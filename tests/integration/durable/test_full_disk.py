"""A hub whose disk is full says so, loses nothing, and goes on by itself once there is room."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests import web
from tests.integration.durable.process import ServerProcess, eventually
from tests.integration.durable.small_disk import fill, on_small_disk, settings
from tests.scenarios.driver import make_agent, make_repository

pytestmark = pytest.mark.timeout(120)

FLOW = "name: flow\nnodes:\n  first: {agent: tool, with: {number: 1}}\n  next: {agent: tool, needs: [first]}\n"
SLOW = "import pathlib, time\nprint('at work', flush=True)\nwhile not pathlib.Path('/workspace/go').exists(): time.sleep(0.02)\n"
FINAL = {"succeeded", "failed", "cancelled"}


@contextmanager
def hub_on(tmp_path: Path, mount_point: Path, size: str, **more: str) -> Iterator[ServerProcess]:
    if more.get("runtime") == "sandbox" and os.geteuid() != 0:
        pytest.skip("an ordinary user mounts as root of a namespace, where no sandbox can be made")
    hub = ServerProcess(
        tmp_path / "disk" / "data",
        settings=settings(tmp_path, low_disk_bytes="1000000", **more),
        inside=on_small_disk(mount_point, size),
    )
    hub.log = tmp_path / "hub.log"
    (tmp_path / "disk").mkdir(exist_ok=True)
    try:
        hub.start()
        yield hub
    finally:
        hub.kill()


def flow(hub: ServerProcess, tmp_path: Path, **agent: Any) -> None:
    folder = make_agent(tmp_path / "agent", name="tool", **agent)
    hub.post("/agents", json={"folder": str(folder)})
    hub.post("/workflows", content=FLOW, headers={"Content-Type": "application/yaml"})


def health(hub: ServerProcess) -> Any:
    headers = {"Authorization": f"Bearer {hub._token}"}
    return web.get(f"{hub.url}/health", headers=headers, timeout=10).json()


def run(hub: ServerProcess, run_id: str) -> Any:
    return hub.get(f"/runs/{run_id}")


def ended(hub: ServerProcess, run_id: str) -> Any:
    return eventually(lambda: run(hub, run_id), lambda found: found["state"] in FINAL, seconds=60)


def test_a_run_under_way_waits_for_room(tmp_path: Path) -> None:
    """Its agent ends while nothing can be stored, and must not be run twice."""
    project = make_repository(tmp_path / "project")
    with hub_on(tmp_path, tmp_path / "disk", "24m", runtime="sandbox") as hub:
        hub.post("/projects", json={"path": str(project), "name": "project"})
        flow(hub, tmp_path, on_lost="fail", workspace="read", program=SLOW)
        run_id = hub.post("/runs", json={"workflow": "flow", "project": "project"})["id"]
        log = f"/runs/{run_id}/steps/first/logs"
        eventually(lambda: hub.request("GET", log).text, lambda said: "at work" in said, seconds=30)
        filler = fill(hub.seen(tmp_path / "disk"))
        (project / "go").touch()
        # In its log the database may have had room left for this much.
        eventually(hub.log.read_text, lambda log: "waits for" in log, seconds=30)
        during = run(hub, run_id)
        filler.unlink()
        found = ended(hub, run_id)

    assert during["state"] == "running"
    assert found["state"] == "succeeded", found["steps"]
    assert [len(step["attempts"]) for step in found["steps"]] == [1, 1]


@pytest.mark.parametrize("runtime", ["fake", "sandbox"])
def test_the_api_says_that_the_disk_is_full_and_recovers(tmp_path: Path, runtime: str) -> None:
    with hub_on(tmp_path, tmp_path / "disk", "24m", runtime=runtime) as hub:
        flow(hub, tmp_path)
        before = health(hub)["checks"]["disk"]
        filler = fill(hub.seen(tmp_path / "disk"))

        answers = [hub.request("POST", "/runs", json={"workflow": "flow"}) for _ in range(20)]
        refused = [answer for answer in answers if answer.status_code >= 400]
        during = health(hub)
        listed = hub.get("/runs?limit=200")["items"]
        filler.unlink()
        known = [answer.json()["id"] for answer in answers if answer.status_code < 400]
        states = {run_id: ended(hub, run_id)["state"] for run_id in known}
        after = eventually(
            lambda: hub.request("POST", "/runs", json={"workflow": "flow"}),
            lambda answer: answer.status_code < 400,
            seconds=20,
        )
        final = ended(hub, after.json()["id"])
        recovered = health(hub)["checks"]["disk"]

    assert before["status"] == recovered["status"] == "ok"
    assert refused
    assert {(answer.status_code, answer.json()["code"]) for answer in refused} == {
        (507, "disk_full")
    }
    problem = refused[0].json()
    assert "disk of the data directory" in problem["detail"]
    assert "Free space" in problem["hint"]
    assert during["status"] == "degraded"
    assert "full" in during["checks"]["disk"]["detail"]
    assert {item["id"] for item in listed} == set(known)
    assert set(states.values()) <= {"succeeded"}
    assert final["state"] == "succeeded"


def test_an_attempt_without_room_never_started(tmp_path: Path) -> None:
    """Also of an agent that may not be run twice; only the runner's place is full here."""
    place = tmp_path / "disk" / "data" / "runner"
    with hub_on(tmp_path, place, "2m", runtime="sandbox") as hub:
        flow(hub, tmp_path, on_lost="fail")
        filler = fill(hub.seen(place))
        run_id = hub.post("/runs", json={"workflow": "flow"})["id"]

        waiting = eventually(
            lambda: run(hub, run_id)["steps"][0], lambda step: step["retry_at"], seconds=30
        )
        filler.unlink()
        found = ended(hub, run_id)

    assert waiting["state"] == "running"
    assert waiting["attempts"] == []
    assert "disk of the data directory" in waiting["message"]
    assert found["state"] == "succeeded"
    assert [len(step["attempts"]) for step in found["steps"]] == [1, 1]
