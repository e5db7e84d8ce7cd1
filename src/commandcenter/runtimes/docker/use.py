"""Limits as they are in force and what an attempt uses, read back from its cgroup or the engine."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from commandcenter.runner.cgroups import Leaf, leaf_of


@dataclass(frozen=True, slots=True)
class Use:
    """None of a limit: it is not enforced here."""

    actual_cpu: float | None = None
    actual_memory_bytes: int | None = None
    actual_pids: int | None = None
    cpu_seconds: float = 0.0
    memory_bytes: int = 0
    memory_peak_bytes: int = 0
    pids: int = 0


def find_leaf(pid: int, container_id: str, own_processes: int) -> Leaf | None:
    """Return the cgroup of a container's first process, if it can be seen from here."""
    leaf = leaf_of(pid, own_processes) if pid else None
    if leaf is None or not all(container_id in str(path) for path in leaf.directories.values()):
        return None
    return leaf


def read_leaf(leaf: Leaf) -> Use | None:
    """None once the container has ended."""
    with suppress(OSError, ValueError):
        cpu, now, peak, processes = leaf.usage()
        cores, memory, pids = leaf.actual_limits()
        return Use(cores, memory, pids, cpu, now, peak, max(0, processes - leaf.own_processes))
    return None


def from_engine(told: dict[str, Any], host_config: dict[str, Any], own_processes: int) -> Use:
    """What the engine's statistics say; the CPU limit is told by its inspection alone."""
    memory, pids = told.get("memory_stats") or {}, told.get("pids_stats") or {}
    cpu = (told.get("cpu_stats") or {}).get("cpu_usage") or {}
    quota, period = host_config.get("CpuQuota"), host_config.get("CpuPeriod")
    limit, most = memory.get("limit"), pids.get("limit")
    return Use(
        actual_cpu=quota / period if quota and period else None,
        actual_memory_bytes=int(limit) if limit else None,
        actual_pids=int(most) - own_processes if most else None,
        cpu_seconds=int(cpu.get("total_usage") or 0) / 1e9,
        memory_bytes=int(memory.get("usage") or 0),
        memory_peak_bytes=int(memory.get("max_usage") or memory.get("usage") or 0),
        pids=max(0, int(pids.get("current") or 0) - own_processes),
    )
