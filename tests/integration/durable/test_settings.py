"""What DBOS is told, seen in what it stores."""

import asyncio
import sqlite3
import threading
from pathlib import Path

import pytest
from dbos import _workflow_commands
from dbos._sys_db_postgres import BACKGROUND_JOB_LOCK_IDLE_TIMEOUT_MS
from sqlalchemy import text

from commandcenter.durable import engine as engine_module
from commandcenter.durable.engine import (
    APPLICATION_VERSION,
    DurableRuns,
    DurableUnavailableError,
)
from commandcenter.kit.database import sqlite_url
from commandcenter.runs.outage import is_outage
from tests.postgres import PostgresServer
from tests.scenarios.driver import scenario_hub

WORKFLOW = "name: quick\nnodes:\n  only: {agent: tool}\n"


async def nothing(_: str) -> bool:
    return True


def test_its_connections_use_the_write_ahead_log(tmp_path: Path) -> None:
    durable = DurableRuns(sqlite_url(tmp_path / "d.db"), executor_id="hub", execute=nothing)
    engine = durable._config()["system_database_engine"]
    assert engine is not None
    with engine.connect() as connection:
        found = [
            connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "busy_timeout")
        ]
    engine.dispose()
    assert found == ["wal", 1, 10_000]


@pytest.mark.postgres
async def test_dbos_looks_seldom_for_what_is_not_used(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    with postgres_server.database() as url:
        async with scenario_hub(tmp_path, url):
            assert "dbos-background-jobs" in {thread.name for thread in threading.enumerate()}
            assert _workflow_commands._BACKGROUND_JOBS_INTERVAL_SEC == 4
            # DBOS ends a holder of its lock that idles for longer.
            held_ms = _workflow_commands._BACKGROUND_JOBS_INTERVAL_SEC * 1000
            assert held_ms < BACKGROUND_JOB_LOCK_IDLE_TIMEOUT_MS


async def test_a_database_that_hangs_is_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(**_: object) -> None:
        await asyncio.Event().wait()

    durable = DurableRuns(sqlite_url(tmp_path / "d.db"), executor_id="hub", execute=nothing)
    monkeypatch.setattr(engine_module, "_LIST_SECONDS", 0.01)
    monkeypatch.setattr("dbos.DBOS.list_workflows_async", never)

    with pytest.raises(DurableUnavailableError) as raised:
        await durable.open_records()

    assert is_outage(raised.value)


async def test_records_carry_a_fixed_version_and_a_stable_executor(tmp_path: Path) -> None:
    for _ in range(2):
        async with scenario_hub(tmp_path, None) as driver:
            await driver.ended(await driver.start(await driver.workflow(WORKFLOW)))

    with sqlite3.connect(tmp_path / "data" / "durable.db") as connection:
        rows = connection.execute(
            "SELECT DISTINCT application_version, executor_id, status FROM workflow_status"
        ).fetchall()
        [(mode,)] = connection.execute("PRAGMA journal_mode").fetchall()
    connection.close()
    assert rows == [(APPLICATION_VERSION, "hub", "SUCCESS")]
    assert mode == "wal"
