"""How many compose files below a folder are read: `python -m benchmarks.compose_samples FOLDER`.

Meant for a checkout of public sample projects. Prints a table, and every refusal with its place.
With `--run RUNTIME` those that are read are started for real, one after the other, each in a copy
of its folder; what became of each is printed. Images are not made here, and stages of Dockerfiles
that old engines cannot read (for development containers, with here-documents) are left out.
"""

import re
import shutil
import statistics
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.hub import Hub, running_hub
from commandcenter.stacks.compose.files import FolderFiles
from commandcenter.stacks.compose.problems import ComposeRefusedError
from commandcenter.stacks.compose.read import ComposeRequest, read_compose
from commandcenter.stacks.detect import COMPOSE_FILES, ComposeFound, detect_stack

_START_SECONDS = 120.0
_STOP_SECONDS = 120.0
_LOOK_SECONDS = 0.25
_MAX_WORDS = 300


def main(root: Path, runtime: str | None) -> None:
    folders = sorted({path.parent for name in COMPOSE_FILES for path in root.rglob(name)})
    outcomes: Counter[str] = Counter()
    durations: list[float] = []
    refusals: list[str] = []
    read: list[Path] = []
    for folder in folders:
        files = FolderFiles(folder)
        found = detect_stack(files)
        if not isinstance(found, ComposeFound):
            continue
        started = time.perf_counter()
        try:
            stack = read_compose(files, ComposeRequest(found.files, "sample")).stack
        except ComposeRefusedError as error:
            outcomes["refused"] += 1
            refusals.append(str(folder.relative_to(root)))
            refusals += [f"    {problem}" for problem in error.problems]
        else:
            outcomes["read"] += 1
            outcomes["services"] += len(stack.services)
            read.append(folder)
        durations.append(time.perf_counter() - started)
    print(f"| projects | read | refused | services | median ms | slowest ms |\n{'|---' * 6}|")
    if durations:
        median, slowest = statistics.median(durations) * 1000, max(durations) * 1000
        print(
            f"| {len(durations)} | {outcomes['read']} | {outcomes['refused']} "
            f"| {outcomes['services']} | {median:.1f} | {slowest:.1f} |"
        )
    print("\n".join(refusals))
    if runtime is not None:
        run_all(root, read, runtime)


def run_all(root: Path, folders: list[Path], runtime: str) -> None:
    """Start each project and say what became of it."""
    print("| project | services | came up | what happened |\n|---|---|---|---|")
    place = Path(tempfile.mkdtemp(prefix="commandcenter-samples-"))
    place.chmod(0o755)
    environment = {"COMMANDCENTER_STACK_RUNTIME": runtime}
    try:
        with running_hub(environment) as hub:
            for number, folder in enumerate(folders):
                copy = place / f"sample-{number}"
                shutil.copytree(folder, copy, symlinks=True)
                for dockerfile in copy.rglob("*Dockerfile*"):
                    dockerfile.write_text(_without_here_documents(dockerfile.read_text()))
                told = run_one(hub, copy)
                print(f"| {folder.relative_to(root)} | {' | '.join(told)} |", flush=True)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _without_here_documents(dockerfile: str) -> str:
    stages = re.split(r"^(?=FROM )", dockerfile, flags=re.MULTILINE)
    return "".join(stage for stage in stages if not re.search(r"^RUN <<", stage, re.MULTILINE))


def run_one(hub: Hub, folder: Path) -> tuple[str, str, str]:
    """Return how many services there are, whether all became healthy, and in which words."""
    name = folder.name
    hub.post("/projects", {"path": str(folder), "name": name})
    started = time.monotonic()
    try:
        hub.post(f"/projects/{name}/start", {})
    except RuntimeError as error:
        return "-", "refused", _short(str(error))
    found = _until(hub, name, {"running", "error"}, _START_SECONDS)
    seconds = time.monotonic() - started
    services = found["services"]
    if found["state"] == "running":
        told = "yes", f"in {seconds:.1f} s"
    else:
        waiting = (
            f"{each['name']}: {each['progress'] or each['message'] or each['health_words']}"
            for each in services
            if not each["healthy"]
        )
        told = "no", _short(found["reason"] or "; ".join(waiting))
    hub.post(f"/projects/{name}/stop", {})
    stopped = _until(hub, name, {"stopped"}, _STOP_SECONDS)
    if stopped["state"] != "stopped":
        return str(len(services)), told[0], _short(f"it does not stop: {stopped['services']}")
    hub.delete(f"/projects/{name}")  # its ports are for the next
    return (str(len(services)), *told)


def _until(hub: Hub, name: str, states: set[str], seconds: float) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    while True:
        found: dict[str, Any] = hub.get(f"/projects/{name}/status")
        if found["state"] in states or time.monotonic() > deadline:
            return found
        time.sleep(_LOOK_SECONDS)


def _short(words: str) -> str:
    return " ".join(words.split())[:_MAX_WORDS].replace("|", "/")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[3] if sys.argv[2:3] == ["--run"] else None)
