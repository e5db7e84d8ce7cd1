"""A hub that is stopped in order while agents run: what is stopped, what is left, what follows."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from commandcenter.hub.settings import OnStop
from commandcenter.runner.bwrap import find_bubblewrap
from commandcenter.runner.client import RunnerClient
from commandcenter.runner.errors import IsolationError
from commandcenter.runner.paths import RunnerPaths
from tests.conformance.runtimes.harness import end_runner
from tests.scenarios.driver import Driver, scenario_hub, steps_of, until

# Ends once it is told to, and says how often it was begun.
COUNTS = """\
import json, os, time
with open("/workspace/begun", "a") as begun:
    begun.write("x")
while not os.path.exists("/workspace/go"):
    time.sleep(0.02)
with open("/out/output.json", "w") as output:
    json.dump({"score": os.path.getsize("/workspace/begun")}, output)
"""
FLOW = "name: flow\nnodes:\n  only: {agent: %s}\n  next: {agent: tool, needs: [only]}\n"


@asynccontextmanager
async def stopping_hub(directory: Path, **options: Any) -> AsyncIterator[Driver]:
    try:
        find_bubblewrap()
    except IsolationError as error:
        pytest.skip(error.detail)
    async with scenario_hub(
        directory, None, **{"runtime": "sandbox", "drain_seconds": 0.2, **options}
    ) as driver:
        yield driver


async def begin(driver: Driver, **agent: str) -> tuple[str, Path]:
    """Start a run whose first agent is at work; return it and the agent's workspace."""
    folder = await driver.project("p")
    await driver.agent("counts", program=COUNTS, workspace="write", **agent)
    run_id = await driver.start(await driver.workflow(FLOW % "counts"), project="p")
    if agent.get("risk") == "APPROVAL_REQUIRED":
        await driver.answer((await driver.pending_approval(run_id))["id"])
    await until(lambda: asyncio.to_thread((folder / "begun").exists), bool)
    return run_id, folder


async def attempts_at_work(data: Path) -> int:
    client = RunnerClient(data)
    count: int = (await client.status())["attempts"]
    await client.close()
    return count


async def finish(directory: Path, run_id: str, folder: Path) -> tuple[Any, Any]:
    """Start the hub again and let the agent end; return the run and what the start told of it."""
    (folder / "go").touch()
    async with stopping_hub(directory) as driver:
        run = await driver.ended(run_id)
        report = (await driver.client.get("/api/v1/recovery")).json()
    await end_runner(RunnerPaths(directory / "data"))
    return run, report["resumed"][0]


async def test_what_may_be_run_again_is_stopped_and_run_again(tmp_path: Path) -> None:
    async with stopping_hub(tmp_path) as driver:
        run_id, folder = await begin(driver)
    left = await attempts_at_work(tmp_path / "data")
    run, told = await finish(tmp_path, run_id, folder)

    assert left == 0
    assert run["state"] == "succeeded"
    only = steps_of(run)["only"]
    assert [attempt["reason"] for attempt in only["attempts"]] == ["interrupted", None]
    assert only["outputs"] == {"score": 2}
    assert (told["run_again"], told["adopted"]) == ([f"{run_id}.only.1"], [])


@pytest.mark.parametrize(
    "agent",
    [{"on_lost": "fail"}, {"risk": "APPROVAL_REQUIRED"}],
    ids=["not to be repeated", "agreed to by people"],
)
async def test_what_may_not_is_left_and_adopted(tmp_path: Path, agent: dict[str, str]) -> None:
    async with stopping_hub(tmp_path) as driver:
        run_id, folder = await begin(driver, **agent)
    left = await attempts_at_work(tmp_path / "data")
    run, told = await finish(tmp_path, run_id, folder)

    assert left == 1
    assert run["state"] == "succeeded"
    only = steps_of(run)["only"]
    assert [attempt["reason"] for attempt in only["attempts"]] == [None]
    assert only["outputs"] == {"score": 1}
    assert told["adopted"] == [f"{run_id}.only.1"]


async def test_everything_is_left_where_the_operator_says_so(tmp_path: Path) -> None:
    async with stopping_hub(tmp_path, on_stop=OnStop.LEAVE) as driver:
        run_id, folder = await begin(driver)
    left = await attempts_at_work(tmp_path / "data")
    run, told = await finish(tmp_path, run_id, folder)

    assert left == 1
    assert run["state"] == "succeeded"
    assert steps_of(run)["only"]["outputs"] == {"score": 1}
    assert told["adopted"] == [f"{run_id}.only.1"]


async def test_being_stopped_uses_up_no_retries(tmp_path: Path) -> None:
    async with stopping_hub(tmp_path) as driver:
        run_id, folder = await begin(driver)
    for begun in (2, 3):
        async with stopping_hub(tmp_path):
            await until(
                lambda: asyncio.to_thread((folder / "begun").read_text), ("x" * begun).__eq__
            )
    run, _ = await finish(tmp_path, run_id, folder)

    assert run["state"] == "succeeded"
    reasons = [attempt["reason"] for attempt in steps_of(run)["only"]["attempts"]]
    assert reasons == ["interrupted"] * 3 + [None]
