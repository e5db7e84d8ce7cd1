"""Project stacks on the sandbox: starts, repair, ten at once, and following a log.

The stack is that of `examples/bookshelf`: PostgreSQL, Redis, uvicorn and, where npm is, Vite.
"""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from websockets.sync.client import connect

from benchmarks.hub import Hub, running_hub
from benchmarks.process import cpu_seconds
from benchmarks.stats import Figure, table

EXAMPLE = Path(__file__).parent.parent / "examples" / "bookshelf"
STARTS = 5
REPAIRS = 5
STACKS = 10
IDLE_SECONDS = 20.0
LOG_LINES = 1_000_000
LINES_PER_SECOND = 100_000
_DEADLINE_SECONDS = 120.0
_LOOK_SECONDS = 0.01
_FLOOD_COMPOSE = """\
services:
  flood:
    image: {image}
    command: ["python", "/app/flood.py"]
    volumes: [".:/app:ro"]
    mem_limit: 256m
"""


@dataclass(frozen=True, slots=True)
class Flood:
    """A program that writes many lines, each with the moment of its writing."""

    lines: int = LOG_LINES
    per_second: int = LINES_PER_SECOND
    image: str = "python:3.11"

    @property
    def program(self) -> str:
        """A batch every 10 ms, as a busy program writes."""
        return f"""
import os, time
time.sleep(2)
batch, pad = {self.per_second // 100}, b"x" * 40
begun = time.monotonic()
for number in range({self.lines} // batch):
    now = time.time()
    lines = (b"%.6f line %d %s\\n" % (now, number * batch + n, pad) for n in range(batch))
    os.write(1, b"".join(lines))
    time.sleep(max(0.0, begun + (number + 1) * 0.01 - time.monotonic()))
time.sleep(600)
"""


@dataclass(frozen=True, slots=True)
class Followed:
    delays: list[float]  # milliseconds from a line's writing to its arrival, of one in a hundred
    lost: int
    repeated: int
    lines_per_second: float  # as they came


@contextmanager
def folders() -> Iterator[Path]:
    """A place for projects, removed at the end."""
    made = Path(tempfile.mkdtemp(prefix="commandcenter-stacks-"))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def example(place: Path) -> Path:
    """A copy of the example project with what its frontend needs; without npm it has none."""
    folder = place / "shop"
    ignored = shutil.ignore_patterns("node_modules", ".venv")
    shutil.copytree(EXAMPLE, folder, ignore=ignored)
    if shutil.which("npm") is None:
        shutil.rmtree(folder / "frontend")
    else:
        command = ["npm", "ci", "--silent", "--prefix", str(folder / "frontend")]
        subprocess.run(command, check=True, timeout=300)
    return folder


def add(hub: Hub, folder: Path, name: str) -> None:
    hub.post("/projects", {"path": str(folder), "name": name})


def status(hub: Hub, name: str) -> dict[str, Any]:
    found: dict[str, Any] = hub.get(f"/projects/{name}/status")
    return found


def until(hub: Hub, name: str, look: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while True:
        found = status(hub, name)
        if look(found):
            return found
        if found["state"] == "error" or time.monotonic() > deadline:
            raise RuntimeError(f"{name}: {json.dumps(found, indent=1)}")
        time.sleep(_LOOK_SECONDS)


def is_up(found: dict[str, Any]) -> bool:
    return bool(found["state"] == "running" and found["overall_healthy"])


def is_stopped(found: dict[str, Any]) -> bool:
    return bool(found["state"] == "stopped")


def start(hub: Hub, name: str) -> float:
    """Milliseconds until every service was healthy."""
    began = time.perf_counter()
    hub.post(f"/projects/{name}/start", {})
    until(hub, name, is_up)
    return (time.perf_counter() - began) * 1000


def stop(hub: Hub, name: str) -> None:
    hub.post(f"/projects/{name}/stop", {})
    until(hub, name, is_stopped)


def restarts(hub: Hub, folder: Path) -> tuple[float, list[float]]:
    """The first start ever, and those with the data already there."""
    add(hub, folder, "shop")
    first = start(hub, "shop")
    again = []
    for _ in range(STARTS):
        stop(hub, "shop")
        again.append(start(hub, "shop"))
    return first, again


def repairs(hub: Hub, folder: Path) -> list[float]:
    """Milliseconds from a kill -9 of PostgreSQL to all being healthy again."""
    samples = []
    for _ in range(REPAIRS):
        stop(hub, "shop")  # one killed again within a minute would wait before it is repaired
        start(hub, "shop")
        before = status(hub, "shop")
        looks_repaired = partial(_is_repaired, after=_attempt(before, "postgres"))
        victim = _postmaster(folder)
        began = time.perf_counter()
        os.kill(victim, signal.SIGKILL)
        until(hub, "shop", looks_repaired)
        samples.append((time.perf_counter() - began) * 1000)
    return samples


def _is_repaired(found: dict[str, Any], *, after: int) -> bool:
    return is_up(found) and _attempt(found, "postgres") > after


def _attempt(found: dict[str, Any], service: str) -> int:
    return next(int(each["attempt"]) for each in found["services"] if each["name"] == service)


def _postmaster(folder: Path) -> int:
    """The PostgreSQL of this benchmark's hub: its mounts lie beside the project."""
    for path in Path("/proc").iterdir():
        try:
            words = (path / "cmdline").read_bytes().split(b"\0")
            is_ours = str(folder.parent) in (path / "mountinfo").read_text()
        except (OSError, ValueError):
            continue
        if path.name.isdigit() and is_ours and words[0].endswith(b"postgres") and b"-D" in words:
            return int(path.name)
    raise RuntimeError("no PostgreSQL of this benchmark is running")


def ten_at_once(hub: Hub, folder: Path) -> tuple[float, float]:
    """Milliseconds until ten stacks are healthy, and the supervisor's idle CPU in percent."""
    names = [f"shop-{number}" for number in range(STACKS)]
    for name in names:
        copy = folder.parent / name
        subprocess.run(["cp", "-al", str(folder), str(copy)], check=True)
        add(hub, copy, name)
    began = time.perf_counter()
    for name in names:
        hub.post(f"/projects/{name}/start", {})
    for name in names:
        until(hub, name, is_up)
    started = (time.perf_counter() - began) * 1000
    time.sleep(5)
    pids = [hub.process.pid, *hub.runners()]
    before = sum(cpu_seconds(pid) for pid in pids)
    time.sleep(IDLE_SECONDS)
    idle = (sum(cpu_seconds(pid) for pid in pids) - before) / IDLE_SECONDS * 100
    for name in names:
        stop(hub, name)
    return started, idle


def follow(hub: Hub, place: Path, flood: Flood, name: str = "flood") -> Followed:
    """Follow the log of a service that floods it, as a client does."""
    folder = place / name
    folder.mkdir()
    (folder / "flood.py").write_text(flood.program)
    (folder / "compose.yaml").write_text(_FLOOD_COMPOSE.format(image=flood.image))
    add(hub, folder, name)
    start(hub, name)
    delays: list[float] = []
    got = lost = repeated = expected = 0
    first = now = 0.0
    url = hub.url.replace("http", "ws", 1)
    with connect(
        f"{url}/api/v1/projects/{name}/services/flood/logs/follow",
        additional_headers={"Authorization": f"Bearer {hub.token}"},
        proxy=None,
        max_size=None,
    ) as socket:
        while expected < flood.lines:
            lines = json.loads(socket.recv(timeout=60)).get("lines", ())
            now = time.time()
            first = first or now
            written = [each["text"] for each in lines if each["stream"] == "stdout"]
            delays += [(now - float(text.split(" ", 1)[0])) * 1000 for text in written[::100]]
            got += len(written)
            for number in (int(text.split(" ", 3)[2]) for text in written):
                lost += max(0, number - expected)
                repeated += number < expected
                expected = max(expected, number + 1)
    stop(hub, name)
    return Followed(delays, lost, repeated, got / (now - first))


def main() -> tuple[list[Figure], list[str]]:
    with folders() as place:
        folder = example(place)
        with running_hub(data=place / "hub") as hub:
            first, again = restarts(hub, folder)
            repaired = repairs(hub, folder)
            stop(hub, "shop")
            ten, idle = ten_at_once(hub, folder)
            calm = follow(hub, place, Flood(lines=100_000, per_second=10_000), "calm")
            flooded = follow(hub, place, Flood())
    return [
        Figure("stack: first start ever to all healthy", [first], "<= 6000"),
        Figure("stack: start with data present to all healthy", again, "<= 3000"),
        Figure("stack: PostgreSQL killed to all healthy again", repaired, "<= 3000"),
        Figure("ten stacks at once, to all healthy", [ten]),
        Figure("log line written to client, 10,000 lines/s", calm.delays, "p99 <= 50"),
        Figure("log line written to client, 100,000 lines/s", flooded.delays),
    ], [
        f"hub and runner with ten healthy stacks: {idle:.2f} % of a core (to reach: <= 5 %)",
        f"lines lost of {LOG_LINES:,} at 100,000 a second: {flooded.lost} (to reach: 0)",
    ]


if __name__ == "__main__":
    figures, notes = main()
    print(table(figures))
    print(*notes, sep="\n")
