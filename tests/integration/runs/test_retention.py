"""Deleting what is over, and nothing else."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from commandcenter.durable.engine import DurableRuns
from commandcenter.kit.database import Database
from commandcenter.runs.retention import prune_records, prune_runs
from tests.scenarios.driver import Driver, scenario_hub, until

QUICK = "name: quick\nnodes:\n  only: {agent: tool, with: {fake: {artifacts: {a.txt: hello}}}}\n"
FOUND = [
    {"severity": "minor", "message": "odd", "file": "a.py", "fingerprint": "1"},
    {"severity": "blocker", "message": "a key", "file": "b.py", "line": 2, "fingerprint": "2"},
]
SCAN = f"""\
name: scan
inputs: {{where: {{type: string, format: project}}}}
nodes:
  look: {{agent: tool, with: {{fake: {{output: {{issues: {json.dumps(FOUND)}}}}}}}}}
"""
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
        await driver.project("shop")
        ended = await driver.start(await driver.workflow(SCAN), project="shop")
        await driver.ended(ended)
        await _is_told_of(driver, ended)
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
        assert (await _get(driver, "findings"))["items"] == []
        assert (await _get(driver, "statistics"))["runs"]["count"] == 1


async def _get(driver: Driver, path: str) -> Any:
    return (await driver.client.get(f"/api/v1/{path}")).raise_for_status().json()


async def _is_told_of(driver: Driver, run_id: str) -> None:
    """Findings and statistics are made from the records: of a run that found two things."""
    first = await _get(driver, "findings?limit=1")
    second = await _get(driver, f"findings?cursor={first['next_cursor']}")
    found = [*first["items"], *second["items"]]
    assert [each["message"] for each in found] == ["a key", "odd"]
    assert [each["level"] for each in found] == ["critical", "info"]
    place = [found[0][name] for name in ("project", "run_id", "node", "agent", "file", "line")]
    assert place == ["shop", run_id, "look", "tool", "b.py", 2]
    assert second["next_cursor"] is None
    assert second["counts"] == {"critical": 1, "warning": 0, "info": 1}
    only = await _get(driver, f"findings?level=info&project_id={found[0]['project_id']}")
    assert [each["message"] for each in only["items"]] == ["odd"]
    assert (await _get(driver, "findings?project_id=another"))["items"] == []
    gone = await driver.client.get("/api/v1/findings?cursor=gone")
    assert (gone.status_code, gone.json()["code"]) == (422, "findings_changed")

    told = await _get(driver, "statistics?hours=2")
    assert (told["runs"]["count"], told["runs"]["success_share"]) == (1, 1.0)
    assert sum(hour["succeeded"] for hour in told["hours"]) == 1
    assert [each["name"] for each in told["workflows"]] == ["scan"]
    assert [each["name"] for each in told["agents"]] == ["tool"]
    assert told["runs"]["p95_seconds"] > 0
    assert told["stacks"] == {"stopped": 1}
