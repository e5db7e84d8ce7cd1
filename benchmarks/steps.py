"""40 light steps in a row, each a real sandboxed Python process computing fibonacci(10).

References in the same run: a loop of bare subprocesses (no sandbox, no record), and Prefect 3
where `make bench` has installed it (.venv-bench).
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.hub import FIBONACCI_PROGRAM, Hub, add_fibonacci, milliseconds, running_hub
from benchmarks.stats import Figure, table

STEPS = 40
RUNS = 10
_WORKFLOW = "forty-steps"
_PREFECT = """
import time
from prefect import flow, task

@task
def fibonacci(n):
    return n if n < 2 else fibonacci.fn(n - 1) + fibonacci.fn(n - 2)

@flow
def forty():
    for _ in range(40):
        fibonacci(10)

forty()
for _ in range(3):
    began = time.perf_counter()
    forty()
    print("ms", (time.perf_counter() - began) * 1000)
"""


def workflow() -> str:
    lines = [f"name: {_WORKFLOW}", "nodes:"]
    for number in range(STEPS):
        needs = f", needs: [s{number - 1}]" if number else ""
        lines.append(f"  s{number}: {{agent: fibonacci, with: {{n: 10}}{needs}}}")
    return "\n".join(lines)


def measure(hub: Hub, runs: int = RUNS) -> list[float]:
    hub.add_workflow(workflow())
    samples = []
    for number in range(runs + 1):
        run = hub.wait(hub.start(_WORKFLOW))
        assert run["state"] == "succeeded", run["message"]
        if number:  # the first fills the warm pool
            samples.append(milliseconds(run))
        time.sleep(2)  # let the pool fill up again, as between two real runs
    return samples


def bare_subprocesses(runs: int = 5) -> list[float]:
    """The same program in plain processes, one after the other."""
    samples = []
    sdk = Path(__file__).parent.parent / "agents" / "sdk"
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "main.py"
        program.write_text(FIBONACCI_PROGRAM)
        (Path(folder) / "input.json").write_text('{"n": 10}')
        environment = {
            **os.environ,
            "PYTHONPATH": str(sdk),
            "COMMANDCENTER_IN": folder,
            "COMMANDCENTER_OUT": folder,
        }
        for _ in range(runs):
            began = time.perf_counter()
            for _ in range(STEPS):
                subprocess.run([sys.executable, str(program)], env=environment, check=True)
            samples.append((time.perf_counter() - began) * 1000)
    return samples


def prefect() -> list[float]:
    """Prefect 3's in-process tasks; empty when it is not installed."""
    python = Path(__file__).parent.parent / ".venv-bench" / "bin" / "python"
    if not python.exists():
        return []
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(
            [str(python), "-c", _PREFECT],
            env={
                **os.environ,
                "PREFECT_HOME": home,
                "PREFECT_LOGGING_LEVEL": "ERROR",
                "DO_NOT_TRACK": "1",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            check=True,
            timeout=300,
        )
    return [float(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("ms ")]


def main() -> list[Figure]:
    bare = bare_subprocesses()
    other = prefect()
    with running_hub() as hub:
        add_fibonacci(hub)
        own = measure(hub)
    figures = [
        Figure(f"{STEPS} sequential steps, sandboxed and recorded", own, "<= 1200", bare),
        Figure("reference: bare subprocesses, no sandbox", bare),
    ]
    if other:
        figures.append(Figure("reference: Prefect 3, in-process tasks", other))
    return figures


if __name__ == "__main__":
    print(table(main()))
