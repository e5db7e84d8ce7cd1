"""The runner is killed at any moment of starting and ending sandboxes: nothing may outlive it."""

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest

from commandcenter.runner.ensure import ensure_runner
from tests.integration.runner.conftest import Place, eventually


def members(names: set[str]) -> list[str]:
    """Processes in a cgroup of one of these names."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                text = (entry / "cgroup").read_text()
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if any(name in text for name in names):
                found.append(f"{entry.name} {command!r}")
    return found


@pytest.mark.parametrize("delay", [0.0, 0.004, 0.008, 0.012, 0.016, 0.02, 0.03, 0.045, 0.07])
async def test_nothing_outlives_a_killed_runner(place: Place, tmp_path: Path, delay: float) -> None:
    client = place.client()
    if not (await client.status())["cgroups"]:
        pytest.skip("without cgroups the sandboxes of a dead runner cannot be told from others")
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
    names = {Path(path).name for path in left["cgroups"]}
    await eventually("all its processes are dead", lambda: not members(names))
    await asyncio.gather(*starting, return_exceptions=True)
    await ensure_runner(place.data)
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
