"""A hub of its own on the sandbox, and projects whose stacks really run."""

import json
import os
import shutil
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from commandcenter.runner.paths import RunnerPaths
from commandcenter.runtimes.sandbox.doctor import can_isolate
from commandcenter.runtimes.sandbox.programs import (
    ProgramMissingError,
    find_postgres,
    find_redis,
)
from tests import web
from tests.integration.cli.conftest import Hub, wait_for

BACKEND = """
import json, os, sys

broken = False


async def app(scope, receive, send):
    global broken
    if scope["type"] != "http":
        return
    if scope["path"] == "/break":
        broken = True
    if scope["path"] == "/exit":
        print("going away", flush=True)
        os._exit(3)
    status = 500 if broken and scope["path"] == "/health" else 200
    body = json.dumps(dict(os.environ)).encode() if scope["path"] == "/environment" else b"ok"
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": body})
"""


def need_servers() -> None:
    """Skip, saying why, where the servers of the default stack cannot be run."""
    if not can_isolate():
        pytest.skip("this machine cannot isolate")
    for find in (find_postgres, find_redis):
        try:
            find()
        except ProgramMissingError as error:
            pytest.skip(error.detail)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class StackHub(Hub):
    arguments: tuple[str, ...] = ("--no-demo", "--runtime", "sandbox")

    @property
    def environment(self) -> dict[str, str]:
        first = 24000 + os.getpid() % 50 * 100
        return {**super().environment, "COMMANDCENTER_STACK_PORTS": f"{first}-{first + 99}"}

    @property
    def client(self) -> httpx.Client:
        token = (self.data / "cli-token").read_text().strip()
        return web.client(
            url=f"{self.url}/api/v1",
            headers={"Authorization": f"Bearer {token}"},
            timeout=30.0,
        )

    def project(self, name: str, backend: str | None = None, **files: str) -> Path:
        """Make a folder and add it as a project."""
        folder = self.projects / name
        folder.mkdir(parents=True)
        if backend is not None:
            (folder / "backend").mkdir()
            (folder / "backend" / "main.py").write_text(backend)
        for file, text in files.items():
            (folder / file.replace("__", ".")).write_text(text)
        with self.client as client:
            client.post("/projects", json={"path": str(folder), "name": name}).raise_for_status()
        return folder

    def up(self, name: str) -> dict[str, Any]:
        """Start a stack and return its status once it is healthy."""
        with self.client as client:
            client.post(f"/projects/{name}/start").raise_for_status()
        return self.healthy(name)

    def status(self, name: str) -> dict[str, Any]:
        with self.client as client:
            found: dict[str, Any] = client.get(f"/projects/{name}/status").raise_for_status().json()
        return found

    def service(self, name: str, service: str) -> dict[str, Any]:
        found = self.status(name)
        return next(each for each in found["services"] if each["name"] == service)

    def until(
        self, name: str, what: str, look: Callable[[dict[str, Any]], bool], seconds: float = 60.0
    ) -> dict[str, Any]:
        """Return the status once it is so."""
        deadline = time.monotonic() + seconds
        found: dict[str, Any] = {}
        while time.monotonic() < deadline:
            found = self.status(name)
            if look(found):
                return found
            time.sleep(0.05)
        pytest.fail(f"{what} did not come within {seconds} s:\n{json.dumps(found, indent=1)}")

    def healthy(self, name: str, seconds: float = 60.0) -> dict[str, Any]:
        return self.until(
            name,
            f"the health of {name}",
            lambda found: found["state"] == "running" and found["overall_healthy"],
            seconds,
        )

    def host_port(self, name: str, service: str) -> int:
        return int(self.service(name, service)["ports"][0]["host_port"])

    def environment_of(self, name: str) -> dict[str, str]:
        """What the backend was given, as it tells itself."""
        url = f"http://127.0.0.1:{self.host_port(name, 'backend')}/environment"
        found: dict[str, str] = web.get(url).json()
        return found

    def database(self, name: str) -> psycopg.Connection:
        url = self.environment_of(name)["DATABASE_URL"]
        port = self.host_port(name, "postgres")
        return psycopg.connect(
            url.replace("@postgres:5432", f"@127.0.0.1:{port}"),
            autocommit=True,
            connect_timeout=10,
        )

    def processes(self, program: str, seeing: str = "") -> list[int]:
        """Processes of services of this hub, by a part of their command line.

        `seeing` is a part of what is mounted in them: a project's folder or its id.
        """
        found = []
        for path in Path("/proc").iterdir():
            try:
                if program not in (path / "cmdline").read_text().replace("\0", " "):
                    continue
                mounts = (path / "mountinfo").read_text()
            except (OSError, UnicodeDecodeError):
                continue
            if str(self.data) in mounts and seeing in mounts and path.name.isdigit():
                found.append(int(path.name))
        return sorted(found)

    def kill_processes(self, program: str, seeing: str = "") -> None:
        """Kill them with -9; some end by themselves when another is gone."""
        for pid in self.processes(program, seeing):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def end(self) -> None:
        """Stop everything, whatever state it is in; what does not stop in order is killed."""
        try:
            self.stop_stacks()
            self.stop()
        finally:
            if self.process is not None and self.process.poll() is None:
                self.kill()
            self._end_runner()
            shutil.rmtree(self.data / "volumes", ignore_errors=True)

    def stop_stacks(self) -> None:
        """Stop all; a hub that was killed is started for it."""
        if self.process is None or self.process.poll() is not None:
            self.start()
        with self.client as client:
            for project in client.get("/projects").json()["items"]:
                client.post(f"/projects/{project['name']}/stop")
        for project in self.json("project", "list"):
            self.until(project["name"], "the stop", lambda found: found["state"] == "stopped")

    def _end_runner(self) -> None:
        """Its sandboxes end with it."""
        lock = RunnerPaths(self.data).lock
        if lock.exists() and lock.read_text().strip():
            pid = int(lock.read_text())
            command = Path(f"/proc/{pid}/cmdline")
            if command.exists() and os.fsencode(self.data) in command.read_bytes().split(b"\0"):
                os.kill(pid, signal.SIGTERM)


__all__ = ["BACKEND", "StackHub", "free_port", "need_servers", "wait_for"]
