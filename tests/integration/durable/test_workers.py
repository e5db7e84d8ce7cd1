"""Workers beside a hub on PostgreSQL: sharing, dying, being taken over, coming back too late."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest

from tests.integration.durable.campaign import JOINED, NODES, Campaign
from tests.integration.durable.process import ServerProcess, eventually
from tests.postgres import PostgresServer
from tests.scenarios.driver import steps_of

pytestmark = [pytest.mark.postgres, pytest.mark.slow, pytest.mark.timeout(180)]


@contextmanager
def workers(campaign: Campaign, count: int) -> Iterator[list[ServerProcess]]:
    started: list[ServerProcess] = []
    try:
        for _ in range(count):
            worker = ServerProcess(campaign.data, kind="worker", settings=campaign.hub.settings)
            worker.start()
            started.append(worker)
        yield started
    finally:
        for worker in started:
            worker.kill()


def check_once(campaign: Campaign) -> None:
    for run_id, run in campaign.finish().items():
        assert run["state"] == "succeeded", run
        assert steps_of(run)["join"]["outputs"] == {"said": JOINED}
        campaign.check_records(run_id)
        for node in NODES:
            assert campaign.counted(run_id, node) == ["begin", "end"], (run_id, node)


def executors(campaign: Campaign) -> set[str]:
    """Return who has begun or resumed one of the runs."""
    return {
        event["data"]["executor_id"]
        for run_id in campaign.runs
        for event in campaign.events(run_id)
        if event["type"] in {"run.started", "run.resumed"}
    }


def test_hub_and_workers_share_the_runs(
    campaigns: Callable[..., Campaign], postgres_server: PostgresServer
) -> None:
    with postgres_server.database() as url:
        campaign = campaigns(database_url=url, max_concurrent_attempts="2")
        campaign.begin()
        with workers(campaign, 2):
            for _ in range(12):
                campaign.start_run()
            check_once(campaign)
            assert len(executors(campaign)) > 1
        campaign.end()


def test_the_runs_of_a_dead_worker_are_taken_over(
    campaigns: Callable[..., Campaign], postgres_server: PostgresServer
) -> None:
    with postgres_server.database() as url:
        campaign = campaigns(database_url=url, max_concurrent_attempts="2")
        campaign.begin()
        with workers(campaign, 1) as [worker]:
            campaign.fill_until_executed_by(worker.executor_id)
            worker.kill()
            check_once(campaign)
        resumed = [
            event
            for run_id in campaign.runs
            for event in campaign.events(run_id)
            if event["type"] == "run.resumed"
        ]
        assert resumed
        campaign.end()


def test_a_paused_worker_is_fenced_when_it_comes_back(
    campaigns: Callable[..., Campaign], postgres_server: PostgresServer
) -> None:
    with postgres_server.database() as url:
        campaign = campaigns(database_url=url, max_concurrent_attempts="2")
        campaign.begin()
        with workers(campaign, 1) as [worker]:
            campaign.fill_until_executed_by(worker.executor_id)
            worker.send(signal.SIGSTOP)
            campaign.finish()
            worker.send(signal.SIGCONT)
            further = campaign.start_run()
            check_once(campaign)
            assert further in campaign.runs
            # It works on as if nothing had been.
            campaign.fill_until_executed_by(worker.executor_id)
            check_once(campaign)
        campaign.end()


def test_a_worker_paused_within_a_transaction_holds_nobody_up(
    campaigns: Callable[..., Campaign], postgres_server: PostgresServer
) -> None:
    with postgres_server.database() as url:
        campaign = campaigns(database_url=url, max_concurrent_attempts="2")
        campaign.begin()
        with workers(campaign, 1) as [worker]:
            pause_within_a_transaction(campaign, worker, url)
            campaign.finish()
            worker.send(signal.SIGCONT)
            check_once(campaign)
        campaign.end()


def pause_within_a_transaction(campaign: Campaign, worker: ServerProcess, url: str) -> None:
    """Pause it at one moment after another until the server sees it hold locks and stand still."""
    held = """
        SELECT count(*) FROM pg_stat_activity JOIN pg_locks USING (pid)
        WHERE application_name = %s AND state = 'idle in transaction'
        AND mode IN ('RowExclusiveLock', 'ExclusiveLock') AND locktype <> 'virtualxid'
    """
    deadline = time.monotonic() + 60
    with psycopg.connect(url, autocommit=True) as connection:
        while time.monotonic() < deadline:
            campaign.refill()
            worker.send(signal.SIGSTOP)
            found = connection.execute(held, [f"commandcenter-{worker.pid}"]).fetchone()
            if found and found[0]:
                return
            worker.send(signal.SIGCONT)
    pytest.fail("the worker was never caught within a transaction")


def test_a_worker_that_is_stopped_in_order_hands_its_runs_over_at_once(
    campaigns: Callable[..., Campaign], postgres_server: PostgresServer
) -> None:
    with postgres_server.database() as url:
        campaign = campaigns(database_url=url, max_concurrent_attempts="2")
        campaign.begin()
        with workers(campaign, 1) as [worker]:
            campaign.fill_until_executed_by(worker.executor_id)
            assert worker.terminate() == 0
            # Nobody has to wait for its heartbeat to go stale.
            with psycopg.connect(url) as connection:
                entries = connection.execute("SELECT executor_id FROM workers").fetchall()
            assert (worker.executor_id,) not in entries
            check_once(campaign)
        campaign.end()


def test_runs_survive_the_database_going_away(
    campaigns: Callable[..., Campaign], postgres_server: PostgresServer
) -> None:
    with postgres_server.database() as url:
        campaign = campaigns(database_url=url, max_concurrent_attempts="2")
        campaign.begin()
        for _ in range(4):
            campaign.start_run()
        postgres_server.restart(pause_seconds=2.0)
        eventually(
            lambda: campaign.hub.request("GET", "/runs").status_code,
            lambda code: code == 200,
            seconds=30,
        )
        check_once(campaign)
        campaign.end()
