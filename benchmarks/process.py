"""The hub as a process: start to ready, CPU when idle, memory over a thousand runs."""

import os
import time
from pathlib import Path

from benchmarks.hub import Hub, add_fibonacci, running_hub
from benchmarks.stats import Figure, table

STARTS = 5
IDLE_SECONDS = 20.0
RUNS = 1000
_WORKFLOW = """\
name: one-node
nodes:
  only: {agent: fibonacci, with: {n: 1}}
"""
_BATCH = 20


def cpu_seconds(pid: int) -> float:
    """User and system time of the process and those it waited for."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(fields[index]) for index in (11, 12)) / os.sysconf("SC_CLK_TCK")


def resident_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise LookupError(pid)


def starts() -> list[float]:
    samples = []
    for _ in range(STARTS):
        began = time.perf_counter()
        with running_hub():
            samples.append((time.perf_counter() - began) * 1000)
    return samples


def idle_percent(hub: Hub) -> float:
    """Share of one core over `IDLE_SECONDS`, in percent."""
    time.sleep(5)
    before = cpu_seconds(hub.process.pid)
    time.sleep(IDLE_SECONDS)
    return (cpu_seconds(hub.process.pid) - before) / IDLE_SECONDS * 100


def memory(hub: Hub, runs: int = RUNS) -> tuple[float, float]:
    """Resident MiB after the first hundred runs and after all of them."""
    early = 0.0
    for done in range(0, runs, _BATCH):
        for run_id in [hub.start("one-node") for _ in range(_BATCH)]:
            hub.wait(run_id)
        if done + _BATCH == 100:
            early = resident_mib(hub.process.pid)
    return early, resident_mib(hub.process.pid)


def main(runs: int = RUNS) -> tuple[list[Figure], list[str]]:
    started = starts()
    with running_hub() as hub:
        add_fibonacci(hub)
        hub.add_workflow(_WORKFLOW)
        idle = idle_percent(hub)
        early, late = memory(hub, runs)
    return [Figure("hub: start to ready, new data directory", started, "<= 2000")], [
        f"idle CPU of the hub: {idle:.2f} % of a core over {IDLE_SECONDS:.0f} s (to reach: <= 2 %)",
        f"resident memory: {early:.0f} MiB after 100 runs, {late:.0f} MiB after {runs} (flat)",
    ]


if __name__ == "__main__":
    figures, notes = main()
    print(table(figures))
    print(*notes, sep="\n")
