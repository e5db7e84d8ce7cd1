"""The runner is killed at any moment of starting and ending sandboxes: nothing may outlive it."""

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest

from commandcenter.runner.ensure import ensure_runner
from tests.integration.runner.conftest import Place, eventually


def left_over(instance: str) -> list[str]:
    """Processes of the sandboxes of one runner, at whatever stage."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if command.startswith(f"bwrap-{instance}\0".encode()):
                found.append(f"{entry.name} {command!r}")
    return found


@pytest.mark.parametrize("delay", [0.0, 0.004, 0.008, 0.012, 0.016, 0.02, 0.03, 0.045, 0.07])
async def test_nothing_outlives_a_killed_runner(place: Place, tmp_path: Path, delay: float) -> None:
    client = place.client()
    await client.status()
    left = json.loads(place.paths.leftovers.read_text())
    agent = tmp_path / "agent"
    agent.mkdir()
    (agent / "main.py").write_text("import time; time.sleep(60)")
    requests = [
        place.request("python", "main.py", agent_directory=str(agent), warm=True) for _ in range(4)
    ]
    starting = [asyncio.create_task(client.start(request)) for request in requests]
    await asyncio.sleep(delay)
    os.kill(place.pid(), signal.SIGKILL)
    await asyncio.gather(*starting, return_exceptions=True)
    await ensure_runner(place.data)
    await eventually("nothing of it is left", lambda: not left_over(left["instance"]))
    for path in left["cgroups"] + left["staging"]:
        assert not Path(path).exists(), path
    for request in requests:
        if place.paths.attempt(request.attempt_id).exists():
            await client.remove(request.attempt_id)


async def test_the_egress_proxy_ends_with_the_runner(place: Place) -> None:
    client = place.client()
    command = ("sh", "-c", "echo up; sleep 60")
    await client.start(place.request(*command, network_allow=("127.0.0.1:9",)))
    pid = place.pid()

    def proxies() -> list[int]:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [
            int(child)
            for child in children
            if Path(f"/proc/{child}/comm").read_text().strip() == "cc-egress"
        ]

    await eventually("the proxy is there", proxies)
    (proxy,) = proxies()
    status = Path(f"/proc/{proxy}/status").read_text()
    assert "NoNewPrivs:\t1" in status
    assert os.geteuid() != 0 or "Uid:\t0" not in status
    os.kill(pid, signal.SIGKILL)
    await eventually("the proxy is gone", lambda: not Path(f"/proc/{proxy}").exists())


@pytest.mark.parametrize("delay", [0.004, 0.007, 0.01, 0.013, 0.016, 0.02, 0.03])
async def test_nothing_outlives_a_stopped_runner(place: Place, delay: float) -> None:
    """It is stopped while it sets sandboxes up, and has no successor that would tidy up."""
    client = place.client()
    await client.status()
    left = json.loads(place.paths.leftovers.read_text())
    pid = place.pid()
    starting = [asyncio.create_task(client.start(place.request("sleep", "60"))) for _ in range(6)]
    await asyncio.sleep(delay)
    for task in starting:
        task.cancel()
    await asyncio.gather(*starting, return_exceptions=True)
    await client.close()
    os.kill(pid, signal.SIGTERM)
    await eventually("the runner is gone", lambda: not Path(f"/proc/{pid}").exists())
    await eventually("nothing of it is left", lambda: not left_over(left["instance"]))
    assert not any(Path(path).exists() for path in left["cgroups"] + left["staging"])
