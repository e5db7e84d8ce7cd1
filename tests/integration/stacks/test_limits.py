"""Limits of services where the hub may not limit: refused, or accepted by name."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.stacks.ordinary_hub import USER, as_ordinary_user
from tests.integration.stacks.stack_hub import StackHub, need_servers, wait_for

_REDIS = "services: {cache: {image: 'redis:7'}}\n"


@pytest.fixture
def weak() -> Iterator[StackHub]:
    """The hub of an ordinary user, who may not write cgroups."""
    need_servers()
    prefix = as_ordinary_user()
    place = Path(tempfile.mkdtemp(prefix="cc-weak-"))  # pytest's own folders are closed to others
    hub = StackHub(place / "data", place / "projects", prefix=prefix)
    hub.projects.mkdir()
    if os.geteuid() == 0:
        for path in (place, hub.projects):
            os.chown(path, USER, USER)
    hub.start()
    try:
        yield hub
    finally:
        hub.end()
        wait_for("the folder's end", lambda: _is_gone(place))


def _is_gone(place: Path) -> bool:
    """Whether nothing is left; the hub's runner may still be on its way out, and write."""
    shutil.rmtree(place, ignore_errors=True)
    return not place.exists()


def test_limits_that_cannot_be_enforced_are_refused_until_they_are_accepted(weak: StackHub) -> None:
    weak.project("shop", compose__yaml=_REDIS)
    refused = weak.run("project", "start", "shop", code=None)
    if refused.code == 0:
        pytest.skip("here an ordinary user may limit")
    assert refused.code == 8
    assert "cannot be enforced here: cpu,memory" in refused.err
    assert "delegated systemd scope" in " ".join(refused.err.split())
    assert "project set shop --accept-unenforced cpu,memory" in " ".join(refused.err.split())
    assert [each["attempt"] for each in weak.status("shop")["services"]] == [0]
    asked = weak.run("project", "set", "shop", "--memory", "cache=64m")
    assert "The limit of memory cannot be enforced here" in " ".join(asked.out.split())
    assert weak.service("shop", "cache")["memory_bytes"]["asked"] == 64 * 1024**2
    weak.run("project", "set", "shop", "--memory", "cache=")
    assert weak.service("shop", "cache")["memory_bytes"]["asked"] == 512 * 1024**2
    weak.run("project", "set", "shop", "--accept-unenforced", "cpu")
    weak.run("project", "start", "shop", code=8)
    weak.run("project", "set", "shop", "--accept-unenforced", "cpu,memory")
    started = weak.run("project", "start", "shop")
    assert "CPU is not limited" in " ".join(started.out.split())
    found = weak.status("shop")
    assert found["accept_unenforced"] == ["cpu", "memory"]
    (cache,) = found["services"]
    limits = {name: cache[name]["actual"] for name in ("cpus", "memory_bytes", "pids")}
    assert limits == {"cpus": None, "memory_bytes": None, "pids": cache["pids"]["asked"]}
    assert "/ none /" in weak.run("project", "status", "shop").out
    with weak.client as client:
        told = client.get("/audit").json()["items"]
    changes = [each["data"] for each in told if each["action"] == "stack.change"]
    accepted = [each["accept_unenforced"] for each in changes if "accept_unenforced" in each]
    assert accepted == [["cpu", "memory"], ["cpu"]]
    weak.run("project", "set", "shop", "--accept-unenforced", "none")
    assert weak.run("project", "restart", "shop", code=8)
    assert weak.status("shop")["state"] == "running"
