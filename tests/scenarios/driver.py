"""Driving a hub through its API: agents, workflows, runs, approvals."""

import asyncio
import json
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from commandcenter.hub.settings import Settings
from tests import migrated, web
from tests.conftest import RunningHub, running_hub

PATIENCE_SECONDS = 20.0
FINAL = frozenset({"succeeded", "failed", "cancelled"})

_MANIFEST = """\
name: {name}
version: {version}
description: Does as it is told, for tests.
type: UTILITY
risk: {risk}
command: [python, main.py]
on_lost: {on_lost}
workspace: {workspace}
inputs:
  type: object
  properties:
    expectedBase: {{type: string}}
    number: {{type: integer, minimum: 0}}
    fake: {{type: object}}
  additionalProperties: {more_inputs}
outputs:
  type: object
  properties:
    score: {{type: integer}}
timeout: {timeout}
grace: 1s
check: {check}
"""


def make_agent(
    folder: Path,
    *,
    name: str,
    version: str = "1.0.0",
    risk: str = "AUTO",
    on_lost: str = "retry",
    workspace: str = "none",
    timeout: str = "30s",
    program: str = "pass\n",
    check: Mapping[str, Any] | None = None,
    more_inputs: bool = True,
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "agent.yaml").write_text(
        _MANIFEST.format(
            name=name,
            version=version,
            risk=risk,
            on_lost=on_lost,
            workspace=workspace,
            timeout=timeout,
            check=json.dumps(check),
            more_inputs=json.dumps(more_inputs),
        )
    )
    (folder / "main.py").write_text(program)
    return folder


def make_repository(folder: Path) -> Path:
    """A git repository with one commit."""
    folder.mkdir(parents=True)
    (folder / "README").write_text("hello\n")
    git(folder, "init", "-q", "-b", "main")
    commit(folder, "first")
    return folder


def commit(folder: Path, message: str) -> None:
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "--allow-empty", "-m", message)


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.org")
    done = subprocess.run(
        ["git", *identity, "-C", str(folder), *arguments],
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
    )
    return done.stdout.strip()


async def until(
    look: Callable[[], Awaitable[Any]],
    holds: Callable[[Any], bool],
    *,
    seconds: float = PATIENCE_SECONDS,
) -> Any:
    """Return what `look` gives once it holds; after the time, fail with what it gave last."""
    deadline = time.monotonic() + seconds
    while True:
        last = await look()
        if holds(last):
            return last
        if time.monotonic() > deadline:
            raise AssertionError(f"not after {seconds} s; the last state was: {last}")
        await asyncio.sleep(0.02)


@dataclass(frozen=True)
class Driver:
    hub: RunningHub
    projects: Path

    @property
    def client(self) -> httpx.AsyncClient:
        return self.hub.client

    def as_token(self, token: str) -> httpx.AsyncClient:
        return web.async_client(url=self.hub.url, headers={"Authorization": f"Bearer {token}"})

    async def agent(self, name: str, **options: Any) -> dict[str, Any]:
        folder = make_agent(self.projects / f"agent-{name}", name=name, **options)
        made = await self.client.post("/api/v1/agents", json={"folder": str(folder)})
        assert made.status_code in {200, 201}, made.text
        shutil.rmtree(folder)
        answer: dict[str, Any] = made.json()
        return answer

    async def project(self, name: str) -> Path:
        folder = make_repository(self.projects / name)
        made = await self.client.post("/api/v1/projects", json={"path": str(folder), "name": name})
        assert made.status_code in {200, 201}, made.text
        return folder

    async def workflow(self, source: str) -> str:
        """Store the workflow and return its id."""
        made = await self.client.post(
            "/api/v1/workflows", content=source, headers={"Content-Type": "application/yaml"}
        )
        assert made.status_code in {200, 201}, made.text
        return str(made.json()["id"])

    async def start(
        self,
        workflow: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        project: str | None = None,
        client: httpx.AsyncClient | None = None,
        key: str | None = None,
    ) -> str:
        response = await self.post_run(workflow, inputs, project=project, client=client, key=key)
        assert response.status_code in {200, 201}, response.text
        return str(response.json()["id"])

    async def post_run(
        self,
        workflow: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        project: str | None = None,
        client: httpx.AsyncClient | None = None,
        key: str | None = None,
    ) -> httpx.Response:
        body: dict[str, Any] = {"workflow": workflow, "inputs": dict(inputs or {})}
        if project is not None:
            body["project"] = project
        headers = {"Idempotency-Key": key} if key is not None else {}
        return await (client or self.client).post("/api/v1/runs", json=body, headers=headers)

    async def run(self, run_id: str) -> dict[str, Any]:
        response = await self.client.get(f"/api/v1/runs/{run_id}")
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    async def ended(self, run_id: str, *, seconds: float = PATIENCE_SECONDS) -> dict[str, Any]:
        found: dict[str, Any] = await until(
            lambda: self.run(run_id), lambda run: run["state"] in FINAL, seconds=seconds
        )
        return found

    async def step_in(self, run_id: str, node: str, *states: str) -> dict[str, Any]:
        """Wait until the step is in one of the states; return the run."""
        found: dict[str, Any] = await until(
            lambda: self.run(run_id), lambda run: steps_of(run)[node]["state"] in states
        )
        return found

    async def pending_approval(self, run_id: str) -> dict[str, Any]:
        """Wait for the run's open question and return it."""
        found = await until(
            lambda: self.approvals(run_id),
            lambda items: any(item["state"] == "pending" for item in items),
        )
        approval = next(item for item in found if item["state"] == "pending")
        response = await self.client.get(f"/api/v1/approvals/{approval['id']}")
        answer: dict[str, Any] = response.json()
        return answer

    async def approvals(self, run_id: str) -> Sequence[dict[str, Any]]:
        response = await self.client.get("/api/v1/approvals", params={"run_id": run_id})
        assert response.status_code == 200, response.text
        items: list[dict[str, Any]] = response.json()["items"]
        return items

    async def answer(
        self,
        approval_id: str,
        decision: str = "approve",
        *,
        client: httpx.AsyncClient | None = None,
        comment: str = "",
    ) -> httpx.Response:
        return await (client or self.client).post(
            f"/api/v1/approvals/{approval_id}/respond",
            json={"decision": decision, "comment": comment},
        )

    async def cancel(self, run_id: str) -> httpx.Response:
        return await self.client.post(f"/api/v1/runs/{run_id}/cancel")

    async def events(self, run_id: str) -> list[dict[str, Any]]:
        response = await self.client.get("/api/v1/events", params={"run_id": run_id, "limit": 500})
        assert response.status_code == 200, response.text
        items: list[dict[str, Any]] = response.json()["items"]
        return items


def steps_of(run: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {step["node"]: step for step in run["steps"]}


def states_of(run: Mapping[str, Any]) -> dict[str, str]:
    return {step["node"]: step["state"] for step in run["steps"]}


@asynccontextmanager
async def scenario_hub(
    directory: Path, database_url: str | None, **options: Any
) -> AsyncIterator[Driver]:
    """A hub with the agents `tool` (AUTO) and `risky` (its risk asks for an approval)."""
    projects = directory / "projects"
    projects.mkdir(exist_ok=True)
    migrated.fill(directory / "data")
    settings = Settings(
        data_directory=directory / "data",
        dashboard_directory=directory / "not-built",
        database_url=SecretStr(database_url) if database_url else None,
        port=0,
        allowed_roots=(projects,),
        **{"runtime": "fake", "drain_seconds": 4.5, **options},
    )
    async with running_hub(settings) as hub:
        driver = Driver(hub, projects)
        await driver.agent("tool")
        await driver.agent("risky", risk="APPROVAL_REQUIRED")
        yield driver
