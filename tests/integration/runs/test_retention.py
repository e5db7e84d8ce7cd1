"""Deleting what is over, and nothing else."""

from datetime import timedelta
from pathlib import Path

from commandcenter.durable.engine import DurableRuns
from commandcenter.kit.database import Database
from commandcenter.runs.retention import prune_records, prune_runs
from tests.scenarios.driver import scenario_hub, until

QUICK = "name: quick\nnodes:\n  only: {agent: tool, with: {fake: {artifacts: {a.txt: hello}}}}\n"
GATED = "name: gated\nnodes:\n  change: {agent: risky}\n"
_NOW = timedelta(seconds=-60)  # older than the future: everything that has ended


async def test_records_of_ended_runs_go_and_those_of_others_stay(
    tmp_path: Path, url: str | None
) -> None:
    async with scenario_hub(tmp_path, url) as driver:
        durable, database = (
            driver.hub.services.get(DurableRuns),
            driver.hub.services.get(Database),
        )
        quick = await driver.workflow(QUICK)
        for _ in range(3):
            await driver.ended(await driver.start(quick))
        waiting = await driver.start(await driver.workflow(GATED))
        await driver.pending_approval(waiting)

        # An ended run's record ends a moment after the run.
        await until(durable.open_records, lambda records: set(records) == {waiting})
        assert await prune_records(database, durable, older_than=timedelta(hours=1)) == 0
        assert await prune_records(database, durable, older_than=_NOW) == 3
        assert await prune_records(database, durable, older_than=_NOW) == 0
        assert set(await durable.open_records()) == {waiting}

    async with scenario_hub(tmp_path, url) as driver:
        approval = await driver.pending_approval(waiting)
        await driver.answer(approval["id"])
        assert (await driver.ended(waiting))["state"] == "succeeded"


async def test_old_runs_go_with_all_that_is_theirs(tmp_path: Path, url: str | None) -> None:
    async with scenario_hub(tmp_path, url) as driver:
        database = driver.hub.services.get(Database)
        ended = await driver.start(await driver.workflow(QUICK))
        await driver.ended(ended)
        decided = await driver.start(await driver.workflow(GATED))
        await driver.answer((await driver.pending_approval(decided))["id"])
        await driver.ended(decided)
        waiting = await driver.start(await driver.workflow(GATED))
        await driver.pending_approval(waiting)

        assert await prune_runs(database, older_than=timedelta(days=1)) == 0
        assert await prune_runs(database, older_than=_NOW) == 2

        left = (await driver.client.get("/api/v1/runs")).json()["items"]
        assert [run["id"] for run in left] == [waiting]
        assert (await driver.client.get(f"/api/v1/runs/{ended}")).status_code == 404
        assert await driver.approvals(decided) == []
