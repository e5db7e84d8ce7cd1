"""The epoch: an older execution of a run can record nothing."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from commandcenter.durable.engine import DurableRuns
from commandcenter.engine.states import StepState
from commandcenter.events.store import EventStore
from commandcenter.kit.database import Database
from commandcenter.runs.executor import RunExecutor
from commandcenter.runs.keeper import RunKeeper
from commandcenter.runs.recorder import RunRecorder, SupersededError, begin_execution
from commandcenter.runs.retention import prune_records
from tests.scenarios.driver import scenario_hub, states_of, until

GATED = "name: gated\nnodes:\n  change: {agent: risky}\n"


async def test_a_superseded_execution_records_nothing(tmp_path: Path, url: str | None) -> None:
    async with scenario_hub(tmp_path, url) as driver:
        database = driver.hub.services.get(Database)
        events = driver.hub.services.get(EventStore)
        run_id = await driver.start(await driver.workflow(GATED))
        await driver.pending_approval(run_id)
        mine = (await driver.run(run_id))["epoch"]
        recorder = RunRecorder(database, events, run_id=run_id, project_id=None, epoch=mine)
        assert await recorder.is_current()

        taken = await begin_execution(database, events, run_id=run_id, executor_id="another")

        assert taken is not None
        assert taken.epoch == mine + 1
        assert not await recorder.is_current()
        with pytest.raises(SupersededError):
            await recorder.step_ended_without_attempt(
                node="change", state=StepState.SUCCEEDED, reason=None, message=""
            )
        assert states_of(await driver.run(run_id)) == {"change": "waiting"}
        before = len(await driver.events(run_id))
        approval = await driver.pending_approval(run_id)
        await driver.answer(approval["id"])
        # The hub's own execution is the superseded one now: it lets go, and starts no attempt.
        executor = driver.hub.services.get(RunExecutor)
        await until(lambda: _active(executor), lambda count: count == 0)
        assert [event["type"] for event in (await driver.events(run_id))[before:]] == [
            "approval.answered",
            "approval.resolved",
        ]


async def test_two_takers_get_different_epochs(tmp_path: Path, url: str | None) -> None:
    async with scenario_hub(tmp_path, url) as driver:
        database = driver.hub.services.get(Database)
        events = driver.hub.services.get(EventStore)
        run_id = await driver.start(await driver.workflow(GATED))
        await driver.pending_approval(run_id)

        begun = await asyncio.gather(
            *(
                begin_execution(database, events, run_id=run_id, executor_id=f"worker-{index}")
                for index in range(5)
            )
        )

        assert sorted(taken.epoch for taken in begun if taken) == [2, 3, 4, 5, 6]


async def test_the_keeper_starts_what_has_no_executor(
    tmp_path: Path, url: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run whose execution let go, as after being superseded by nobody who lives."""
    for pause in ("_SHARED_SECONDS", "_ALONE_SECONDS"):  # it looks when the test asks it to
        monkeypatch.setattr(f"commandcenter.runs.keeper.{pause}", 600.0)
    async with scenario_hub(tmp_path, url) as driver:
        database = driver.hub.services.get(Database)
        events = driver.hub.services.get(EventStore)
        keeper = driver.hub.services.get(RunKeeper)
        run_id = await driver.start(await driver.workflow(GATED))
        approval = await driver.pending_approval(run_id)
        await begin_execution(database, events, run_id=run_id, executor_id="dead")
        await driver.answer(approval["id"])

        durable = driver.hub.services.get(DurableRuns)
        await until(durable.open_records, lambda records: run_id not in records)
        # Its record has ended and the run has not: the record still names the next one.
        assert await prune_records(database, durable, older_than=timedelta(seconds=-60)) == 0

        await until(keeper.look_after, lambda found: run_id in found.resubmitted)
        assert (await driver.ended(run_id))["state"] == "succeeded"


async def _active(executor: RunExecutor) -> int:
    return executor.active_runs
