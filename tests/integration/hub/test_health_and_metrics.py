import asyncio
import time

import httpx

from commandcenter.events.store import EventStore
from commandcenter.events.types import EventType
from commandcenter.hub.health import CheckResult, HealthService, disk_check
from commandcenter.hub.settings import Settings
from commandcenter.kit.database import Database
from tests.conftest import RunningHub, running_hub


async def test_health_tells_everybody_little_and_viewers_all(hub: RunningHub) -> None:
    everybody = (await hub.anonymous.get("/health")).json()
    viewer = (await hub.client.get("/health")).json()

    assert everybody == {"status": "ok", "version": None, "checks": None}
    assert viewer["status"] == "ok"
    checks = viewer["checks"]
    assert {"database", "event_loop", "active_attempts", "queue_length"} <= set(checks)
    assert ("event_listener" in checks) == (checks["database"]["detail"] == "postgresql")


async def test_health_answers_while_a_check_hangs(sqlite_hub: RunningHub) -> None:
    never = asyncio.Event()
    started = 0

    async def hangs() -> CheckResult:
        nonlocal started
        started += 1
        while True:  # does not even give in to being cancelled
            try:
                await never.wait()
            except asyncio.CancelledError:
                if never.is_set():
                    raise
            else:
                return CheckResult()

    sqlite_hub.services.get(HealthService).add("hanging", hangs)
    answer = await sqlite_hub.client.get("/health", timeout=10)
    again = await sqlite_hub.client.get("/health", timeout=10)
    never.set()

    assert answer.status_code == 200
    assert answer.json()["status"] == "degraded"
    assert "no answer" in answer.json()["checks"]["hanging"]["detail"]
    assert again.json()["status"] == "degraded"
    assert started == 1


async def test_health_is_503_when_the_hub_cannot_work(sqlite_hub: RunningHub) -> None:
    async def broken() -> CheckResult:
        raise OSError("the disk is gone")

    sqlite_hub.services.get(HealthService).add("disk", broken, critical=True)
    answer = await sqlite_hub.client.get("/health")

    assert answer.status_code == 503
    assert answer.json()["status"] == "degraded"


async def test_metrics_count_stored_events(hub: RunningHub) -> None:
    database, events = hub.services.get(Database), hub.services.get(EventStore)
    before = (await hub.client.get("/metrics")).text
    async with database.write() as session:
        await events.append(
            session,
            EventType.RUN_CREATED,
            subject="run_1",
            run_id="run_1",
            data={"workflow": "review"},
        )
    wanted = 'commandcenter_runs_created_total{workflow="review"} 1.0'
    deadline = time.monotonic() + 10
    text = ""
    while wanted not in text and time.monotonic() < deadline:
        text = (await hub.client.get("/metrics")).text

    assert wanted not in before
    assert wanted in text
    assert "commandcenter_queue_length 0.0" in text
    assert "process_resident_memory_bytes" in text


async def test_metrics_need_a_token_unless_made_public(settings: Settings) -> None:
    async with running_hub(settings) as hub:
        closed = await hub.anonymous.get("/metrics")
    async with running_hub(settings.model_copy(update={"metrics_public": True})) as hub:
        public = await hub.anonymous.get("/metrics")
        elsewhere = await hub.anonymous.get("/api/v1/me")

    assert closed.status_code == 401
    assert public.status_code == 200
    assert public.headers["content-type"].startswith("text/plain")
    assert elsewhere.status_code == 401


async def test_loop_lag_is_measured(sqlite_hub: RunningHub) -> None:
    client: httpx.AsyncClient = sqlite_hub.client
    check = (await client.get("/health")).json()["checks"]["event_loop"]

    assert check["status"] == "ok"
    assert check["value"] >= 0


async def test_health_and_metrics_tell_the_room_on_the_disk(sqlite_hub: RunningHub) -> None:
    check = (await sqlite_hub.client.get("/health")).json()["checks"]["disk"]
    metrics = (await sqlite_hub.client.get("/metrics")).text
    directory = sqlite_hub.settings.data_directory
    little = await disk_check(directory, low_bytes=2**62)()
    enough = await disk_check(directory, low_bytes=0)()

    assert check["value"] > 0
    assert "MB free" in check["detail"]
    assert "commandcenter_disk_free_bytes" in metrics
    assert "commandcenter_disk_total_bytes 0.0" not in metrics
    assert (little.status, enough.status) == ("degraded", "ok")
    assert "less than" in little.detail
