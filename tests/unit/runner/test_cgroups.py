"""Limits as written to and read from a cgroup's files, on both versions (on a made-up tree)."""

from pathlib import Path

import pytest

from commandcenter.runner.cgroups import Leaf, _unified_place, sweep
from commandcenter.runner.request import JobLimits

LIMITS = JobLimits(cpu=1.5, memory_bytes=256 * 1024**2, pids=64, disk_bytes=1, log_bytes=1)
V1 = {
    "memory.limit_in_bytes": "0", "cpu.cfs_period_us": "0", "cpu.cfs_quota_us": "-1",
    "pids.max": "max", "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n",
    "cpuacct.usage": "2500000000", "memory.usage_in_bytes": "1000",
    "memory.max_usage_in_bytes": "3000", "pids.current": "5", "tasks": "", "cpu.shares": "1024",
}  # fmt: skip
V2 = {
    "memory.max": "max", "memory.swap.max": "max", "memory.oom.group": "0",
    "cpu.max": "max 100000", "pids.max": "max", "memory.events": "low 0\noom 0\noom_kill 0\n",
    "cpu.stat": "usage_usec 2500000\nuser_usec 1\n", "memory.current": "1000",
    "memory.peak": "3000", "pids.current": "5", "cgroup.procs": "", "cgroup.kill": "",
    "cpu.weight": "100",
}  # fmt: skip


def make(directory: Path, version: int) -> Leaf:
    for name, content in (V1 if version == 1 else V2).items():
        (directory / name).write_text(content)
    return Leaf(dict.fromkeys(("memory", "pids", "cpu", "cpuacct"), directory), version)


def value(path: Path, size: int) -> str:
    return path.read_text()[:size]  # a real file is replaced by a write, this one overwritten


@pytest.mark.parametrize("version", [1, 2])
def test_limits_are_read_back_as_set(tmp_path: Path, version: int) -> None:
    leaf = make(tmp_path, version)
    for path in tmp_path.iterdir():
        if path.name.endswith((".max", "_us", "_bytes")):
            path.write_text("")
    leaf.set_limits(LIMITS)
    assert leaf.actual_limits() == (1.5, 256 * 1024**2, 64)
    assert (tmp_path / "pids.max").read_text() == "66"  # bubblewrap's two are not the agent's


@pytest.mark.parametrize("version", [1, 2])
def test_use(tmp_path: Path, version: int) -> None:
    leaf = make(tmp_path, version)
    cpu, now, peak, processes = leaf.usage()
    assert (now, peak, processes) == (1000, 3000, 5)
    assert cpu == pytest.approx(2.5)


@pytest.mark.parametrize(("version", "name"), [(1, "memory.oom_control"), (2, "memory.events")])
def test_one_kill_is_out_of_memory(tmp_path: Path, version: int, name: str) -> None:
    leaf = make(tmp_path, version)
    assert not leaf.out_of_memory()
    (tmp_path / name).write_text("oom_kill 1\n")
    assert leaf.out_of_memory()


def test_version_2_ends_all_together(tmp_path: Path) -> None:
    leaf = make(tmp_path, 2)
    leaf.set_limits(LIMITS)
    assert (tmp_path / "memory.oom.group").read_text() == "1"
    assert value(tmp_path / "memory.swap.max", 1) == "0"
    leaf.kill()
    assert (tmp_path / "cgroup.kill").read_text() == "1"


def tree(root: Path, path: str, offered: str, enabled: str) -> None:
    directory = root / path
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "cgroup.controllers").write_text(offered)
    (directory / "cgroup.subtree_control").write_text(enabled)


def test_the_nearest_place_that_hands_controllers_down(tmp_path: Path) -> None:
    every = "cpu memory pids"
    tree(tmp_path, "", every, every)
    tree(tmp_path, "user.slice", every, every)
    tree(tmp_path, "user.slice/app.slice", every, every)
    tree(tmp_path, "user.slice/app.slice/hub.scope", "memory pids", "")
    found = _unified_place(tmp_path, "user.slice/app.slice/hub.scope")
    assert found == tmp_path / "user.slice/app.slice"


def test_no_place_without_controllers(tmp_path: Path) -> None:
    tree(tmp_path, "", "memory", "memory")
    tree(tmp_path, "a", "memory", "")
    assert _unified_place(tmp_path, "a") is None
    assert _unified_place(tmp_path, "missing") is None


def test_a_sweep_touches_only_our_own(tmp_path: Path) -> None:
    ours = tmp_path / "commandcenter-abc"
    (ours / "1").mkdir(parents=True)
    (ours / "2").mkdir()
    other = tmp_path / "somebody"
    (other / "1").mkdir(parents=True)
    sweep([str(ours), str(other), str(tmp_path / "commandcenter-none")])
    assert not ours.exists()
    assert (other / "1").exists()
