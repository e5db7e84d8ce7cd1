"""Following a log on Docker: by the hub, and by `docker logs --follow` beside it.

The engine sends a log line by line, which costs it several times what writing the line did: that
bounds whoever follows. So its own client is measured in the same run, with the same program.
"""

import subprocess
import time
from pathlib import Path

from benchmarks.hub import running_hub
from benchmarks.process import cpu_seconds, resident_mib
from benchmarks.stacks import Flood, folders, follow
from benchmarks.stacks_docker import why_not
from benchmarks.stats import Figure, table

IMAGE = "python:3.13-slim"
MODERATE = Flood(lines=100_000, per_second=10_000, image=IMAGE)
FLOOD = Flood(lines=500_000, image=IMAGE)


def reference(flood: Flood) -> float:
    """Lines a second that `docker logs --follow` gets of the same program, with their times."""
    options = ["--network", "none", "--log-driver", "local", "--log-opt", "max-size=100m"]
    words = ["docker", "run", "--detach", *options, flood.image, "python", "-c", flood.program]
    made = subprocess.run(words, check=True, capture_output=True, text=True)
    name = made.stdout.strip()
    following = subprocess.Popen(
        ["docker", "logs", "--follow", "--timestamps", name], stdout=subprocess.PIPE
    )
    assert following.stdout is not None
    got, first = 0, 0.0
    try:
        while got < flood.lines:
            got += following.stdout.read1(1024**2).count(b"\n")  # type: ignore[attr-defined]
            first = first or time.monotonic()
        return got / (time.monotonic() - first)
    finally:
        following.kill()
        following.wait()
        subprocess.run(["docker", "rm", "--force", name], check=True, capture_output=True)


def engine() -> int | None:
    """The process id of an engine that runs here and says where; for its use of CPU."""
    for place in ("/var/run/docker.pid", "/var/run/cc-docker.pid"):
        if Path(place).exists():
            return int(Path(place).read_text())
    return None


def main() -> tuple[list[Figure], list[str]]:
    pid = engine()
    with (
        folders() as place,
        running_hub({"COMMANDCENTER_STACK_RUNTIME": "docker"}, data=place / "hub") as hub,
    ):
        moderate = follow(hub, place, MODERATE, "moderate")
        before = resident_mib(hub.process.pid)
        spent = [cpu_seconds(each) for each in (hub.process.pid, pid) if each is not None]
        flooded = follow(hub, place, FLOOD, "flood")
        used = [cpu_seconds(each) for each in (hub.process.pid, pid) if each is not None]
        after = resident_mib(hub.process.pid)
    theirs = reference(FLOOD)
    costs = [(now - then) / FLOOD.lines * 1e6 for then, now in zip(spent, used, strict=True)]
    return [Figure("log line on Docker to client, 10,000 lines/s", moderate.delays, "p99 <= 50")], [
        f"flood, followed by the hub: {flooded.lines_per_second:,.0f} lines/s "
        f"(to reach: {FLOOD.per_second:,}); docker logs --follow: {theirs:,.0f} lines/s",
        f"of {MODERATE.lines + FLOOD.lines:,} lines {moderate.lost + flooded.lost:,} lost, "
        f"{moderate.repeated + flooded.repeated:,} sent twice (to reach: 0)",
        f"resident memory of the hub: {before:.0f} MiB before, {after:.0f} MiB after the flood",
        "CPU a line in microseconds, of the hub and of the engine: "
        + ", ".join(f"{cost:.1f}" for cost in costs),
    ]


if __name__ == "__main__":
    if problem := why_not():
        print(problem)
    else:
        figures, notes = main()
        print(table(figures))
        print(*notes, sep="\n")
