"""Runs on the real sandbox: what the fake runtime cannot show."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from commandcenter.hub.settings import OnStop
from commandcenter.runner.bwrap import find_bubblewrap
from commandcenter.runner.client import RunnerClient
from commandcenter.runner.errors import IsolationError
from commandcenter.runner.paths import RunnerPaths
from commandcenter.runs import executor as executor_module
from tests.conformance.runtimes.harness import end_runner
from tests.scenarios.driver import Driver, scenario_hub, states_of, steps_of, until

COUNTS = """\
import json, os, sys

given = json.load(open("/in/input.json"))
with open("/workspace/count", "a") as count:
    count.write("x")
tries = os.path.getsize("/workspace/count")
with open("/out/output.json", "w") as output:
    json.dump({"tries": tries}, output)
sys.exit(0 if tries >= given["enough"] else 1)
"""
FORKS = """\
import subprocess, sys, time

subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
time.sleep(600)
"""


@asynccontextmanager
async def sandbox_hub(directory: Path, *, on_stop: OnStop = OnStop.STOP) -> AsyncIterator[Driver]:
    try:
        find_bubblewrap()
    except IsolationError as error:
        pytest.skip(error.detail)
    async with scenario_hub(
        directory, None, runtime="sandbox", drain_seconds=0, on_stop=on_stop
    ) as driver:
        yield driver


@pytest.fixture
async def sandboxed(tmp_path: Path) -> AsyncIterator[Driver]:
    async with sandbox_hub(tmp_path) as driver:
        yield driver
    await end_runner(RunnerPaths(tmp_path / "data"))


async def test_a_passing_failure_is_retried_until_it_passes(sandboxed: Driver) -> None:
    await sandboxed.agent("counts", workspace="write", program=COUNTS)
    folder = await sandboxed.project("counted")
    source = (
        "name: counted\ninputs: {project: {type: string, format: project}}\nnodes:\n"
        "  try: {agent: counts, retry: {max: 5, backoff: 10ms}, with: {enough: 3}}\n"
    )
    run_id = await sandboxed.start(await sandboxed.workflow(source), project="counted")

    run = await sandboxed.ended(run_id)

    step = steps_of(run)["try"]
    assert (run["state"], step["outputs"]) == ("succeeded", {"tries": 3})
    assert [attempt["reason"] for attempt in step["attempts"]] == ["exit_code", "exit_code", None]
    assert (folder / "count").read_text() == "xxx"


async def test_cancelling_ends_the_whole_tree(sandboxed: Driver) -> None:
    await sandboxed.agent("forks", program=FORKS)
    run_id = await sandboxed.start(
        await sandboxed.workflow("name: forks\nnodes:\n  only: {agent: forks}\n")
    )
    await sandboxed.step_in(run_id, "only", "running")

    await sandboxed.cancel(run_id)
    run = await sandboxed.ended(run_id)

    assert run["state"] == "cancelled"
    [attempt] = steps_of(run)["only"]["attempts"]
    assert (attempt["state"], attempt["reason"]) == ("cancelled", "cancelled")


async def test_a_run_that_gets_no_further_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the hub ended each time at the same place: the same attempt is adopted again."""
    monkeypatch.setattr(executor_module, "MAX_RESTARTS_IN_A_ROW", 2)
    async with sandbox_hub(tmp_path, on_stop=OnStop.LEAVE) as driver:
        await driver.agent("forks", program=FORKS)
        run_id = await driver.start(
            await driver.workflow(
                "name: forks\nnodes:\n  only: {agent: forks}\n  gate: {agent: risky}\n"
            )
        )
        await driver.step_in(run_id, "only", "running")
        await driver.pending_approval(run_id)
    for _ in range(2):
        async with sandbox_hub(tmp_path, on_stop=OnStop.LEAVE) as driver:
            adopted = await until(lambda: _adopted(driver), bool)  # awaited here
            assert adopted == [f"{run_id}.only.1"]

    async with sandbox_hub(tmp_path) as driver:
        run = await driver.ended(run_id)
        report = (await driver.client.get("/api/v1/recovery")).json()
        approvals = await driver.approvals(run_id)
        client = RunnerClient(tmp_path / "data")
        status = await client.status()
        await client.close()
    await end_runner(RunnerPaths(tmp_path / "data"))

    assert (run["state"], run["reason"]) == ("failed", "restart_limit")
    assert "2 restarts in a row" in run["message"]
    assert states_of(run) == {"only": "failed", "gate": "failed"}
    assert [attempt["state"] for attempt in steps_of(run)["only"]["attempts"]] == ["failed"]
    assert [item["state"] for item in approvals] == ["cancelled"]
    assert [item["run_id"] for item in report["gave_up"]] == [run_id]
    assert status["attempts"] == 0


async def _adopted(driver: Driver) -> list[str]:
    report = (await driver.client.get("/api/v1/recovery")).json()
    return [attempt for run in report["resumed"] for attempt in run["adopted"]]
