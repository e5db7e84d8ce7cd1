"""A real hub in a process of its own, on a temporary data directory, for as long as a benchmark."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

from commandcenter.runner.paths import RunnerPaths

_SERVE = """
import json, sys
from pathlib import Path
from commandcenter.hub.server import run
from commandcenter.hub.settings import Settings

def ready(made):
    print(json.dumps({"url": made.url, "token_file": str(made.cli_token_file)}), flush=True)

run(Settings(port=0), on_ready=ready)
"""
_START_SECONDS = 30.0
_RUN_SECONDS = 120.0


class Events:
    """Events as they come; an error when none comes for two minutes."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    def next(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self._socket.recv(timeout=_RUN_SECONDS))
        return message


class Hub:
    """The API of a running hub, with a token of its admin."""

    def __init__(self, process: subprocess.Popen[str], url: str, token: str, data: Path) -> None:
        self.process = process
        self.data = data
        self.url = url
        self.token = token
        self._client = httpx.Client(
            base_url=f"{url}/api/v1", headers={"Authorization": f"Bearer {token}"}, timeout=60
        )

    def get(self, path: str) -> Any:
        return self._checked(self._client.get(path))

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        return self._checked(self._client.post(path, json=body))

    def delete(self, path: str) -> None:
        self._client.delete(path).raise_for_status()

    def runners(self) -> list[int]:
        """The process ids of its runner, for their use of CPU."""
        lock = RunnerPaths(self.data).lock
        return [int(lock.read_text())] if lock.exists() and lock.read_text().strip() else []

    def add_workflow(self, source: str) -> None:
        self.post("/workflows", {"source": source})

    def start(self, workflow: str, **inputs: Any) -> str:
        run: dict[str, Any] = self.post("/runs", {"workflow": workflow, "inputs": inputs})
        return str(run["id"])

    @contextmanager
    def events(self, *, after: int | None = None, run_id: str | None = None) -> Iterator["Events"]:
        """Follow events: from now on, or after an id."""
        wanted = {"after": after, "run_id": run_id}
        query = "&".join(f"{name}={value}" for name, value in wanted.items() if value is not None)
        with connect(
            f"{self.url.replace('http', 'ws', 1)}/api/v1/ws?{query}",
            additional_headers={"Authorization": f"Bearer {self.token}"},
            proxy=None,
        ) as socket:
            yield Events(socket)

    def wait(self, run_id: str) -> dict[str, Any]:
        """Wait for the run's end by its events, not by polling."""
        with self.events(after=0, run_id=run_id) as events:
            while events.next().get("type") != "run.finished":
                pass
        run: dict[str, Any] = self.get(f"/runs/{run_id}")
        return run

    def _checked(self, response: httpx.Response) -> Any:
        if response.is_error:
            raise RuntimeError(f"{response.request.url}: {response.text}")
        return response.json()


@contextmanager
def running_hub(
    environment: Mapping[str, str] | None = None, data: Path | None = None
) -> Iterator[Hub]:
    """Start a hub, give its API, and take everything down again."""
    if data is None:
        data = Path(tempfile.mkdtemp(prefix="commandcenter-bench-"))
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVE],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={
            **os.environ,
            "COMMANDCENTER_DATA_DIRECTORY": str(data / "data"),
            "COMMANDCENTER_ALLOWED_ROOTS": os.pathsep.join([str(data), tempfile.gettempdir()]),
            "COMMANDCENTER_REQUESTS_PER_MINUTE": "1000000",
            **(environment or {}),
        },
    )
    try:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        token = Path(ready["token_file"]).read_text().strip()
        yield Hub(process, ready["url"], token, data / "data")
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(_START_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(data, ignore_errors=True)


FIBONACCI_MANIFEST = """\
name: fibonacci
version: 1.0.0
description: Computes a Fibonacci number the slow way.
type: UTILITY
risk: AUTO
command: [python, main.py]
warm: true
on_lost: retry
inputs: {type: object, properties: {n: {type: integer}}, required: [n]}
outputs: {type: object, properties: {value: {type: integer}}, required: [value]}
limits: {memory: 64MiB, pids: 16}
"""
FIBONACCI_PROGRAM = """\
from commandcenter_agent import run


def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


def main(context):
    return {"value": fibonacci(context.inputs["n"])}


run(main)
"""


def add_fibonacci(hub: Hub) -> None:
    """Register the light agent that all scheduling benchmarks use."""
    with tempfile.TemporaryDirectory(prefix="commandcenter-bench-agent-") as folder:
        (Path(folder) / "agent.yaml").write_text(FIBONACCI_MANIFEST)
        (Path(folder) / "main.py").write_text(FIBONACCI_PROGRAM)
        hub.post("/agents", {"folder": folder})


def milliseconds(run: Mapping[str, Any]) -> float:
    """From the trigger to the end, by the hub's own clock."""
    began = datetime.fromisoformat(run["created_at"])
    ended = datetime.fromisoformat(run["finished_at"])
    return (ended - began).total_seconds() * 1000
