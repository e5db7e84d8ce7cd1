"""Stacks in /metrics and /health, on the fake runtime and both databases."""

import asyncio

from sqlalchemy import update

from commandcenter.kit.database import Database
from commandcenter.models import ProjectStack
from tests.conftest import RunningHub
from tests.integration.stacks.test_stack_api import attempts, is_up, post, project, until


async def shows(hub: RunningHub, *lines: str) -> str:
    """Return the metrics once they have these lines: events are counted a moment later."""
    deadline = asyncio.get_running_loop().time() + 10
    while True:
        text = (await hub.client.get("/metrics")).text
        missing = [line for line in lines if f"\ncommandcenter_{line}\n" not in text]
        if not missing:
            return text
        assert asyncio.get_running_loop().time() < deadline, (missing, text)


async def test_metrics_tell_of_stacks_and_of_their_services(hub: RunningHub) -> None:
    await project(hub)
    await post(hub, "shop/start")
    await until(hub, is_up)
    await post(hub, "shop/services/api/restart")
    await until(hub, lambda found: is_up(found) and attempts(found) == {"api": 2, "db": 1})
    text = await shows(
        hub,
        'stacks{state="running"} 1.0',
        'stack_services{state="healthy"} 2.0',
        'stack_start_duration_seconds_count{state="running"} 1.0',
        'service_restarts_total{cause="asked"} 1.0',
        'service_healthy{project="shop",service="db"} 1.0',
        'service_memory_limit_bytes{project="shop",service="api"} 5.36870912e+08',
        'service_cpu_limit_cores{project="shop",service="api"} 1.0',
    )
    assert 'service_probe_duration_seconds_count{healthy="true",protocol="tcp"}' in text
    await post(hub, "shop/stop")
    await until(hub, lambda found: found["state"] == "stopped")
    text = await shows(hub, 'stacks{state="stopped"} 1.0')
    assert 'service_healthy{project="shop"' not in text


async def test_a_cause_is_counted_for_each_start_after_it(hub: RunningHub) -> None:
    ending = '{FAKE_EXIT_CODE: "1", FAKE_SECONDS: "0.05"}'
    text = f"services: {{web: {{image: 'python:3.13', command: python x.py, environment: {ending}, restart: 'on-failure:1'}}}}"
    await project(hub, compose=text)
    await post(hub, "shop/start")
    await until(hub, lambda found: found["state"] == "error")
    await shows(hub, 'service_restarts_total{cause="exit_code"} 1.0', 'stacks{state="error"} 1.0')
    check = (await hub.client.get("/health")).json()["checks"]["stacks"]
    assert (check["status"], check["detail"], check["value"]) == ("ok", "in error: shop", 0)


async def test_health_is_degraded_by_a_stack_that_nobody_looks_after(hub: RunningHub) -> None:
    await project(hub)
    await post(hub, "shop/start")
    await until(hub, is_up)
    check = (await hub.client.get("/health")).json()["checks"]["stacks"]
    assert (check["status"], check["value"]) == ("ok", 1)
    await post(hub, "shop/stop")
    await until(hub, lambda found: found["state"] == "stopped")
    async with hub.services.get(Database).write() as session:
        await session.execute(update(ProjectStack).values(state="running"))
    found = (await hub.client.get("/health")).json()
    assert found["status"] == "degraded"
    assert found["checks"]["stacks"]["detail"] == "nobody looks after shop"
