"""Runs on the real sandbox: what the fake runtime cannot show."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from commandcenter.runner.bwrap import find_bubblewrap
from commandcenter.runner.errors import IsolationError
from commandcenter.runner.paths import RunnerPaths
from tests.conformance.runtimes.harness import end_runner
from tests.scenarios.driver import Driver, scenario_hub, steps_of

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


@pytest.fixture
async def sandboxed(tmp_path: Path) -> AsyncIterator[Driver]:
    try:
        find_bubblewrap()
    except IsolationError as error:
        pytest.skip(error.detail)
    async with scenario_hub(tmp_path, None, runtime="sandbox") as driver:
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
