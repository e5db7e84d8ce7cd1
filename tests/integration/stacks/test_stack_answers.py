"""What the API answers about stacks: ports, logs, times; over both databases, on the fake runtime."""

import asyncio
import json
import socket
from contextlib import ExitStack
from datetime import datetime

import httpx
from websockets.asyncio.client import connect

from tests.conftest import RunningHub
from tests.integration.stacks.test_stack_api import COMPOSE, is_up, post, project, until

_WORDS = "".join(f"line {number}\\n" for number in range(1, 151))
_TALKING = f"""
services:
  talker:
    image: python:3.13
    command: python talk.py
    environment: {{FAKE_SECONDS: "1000", FAKE_STDOUT: "{_WORDS}"}}
"""


async def get(hub: RunningHub, path: str, **params: str | int) -> httpx.Response:
    headers = {"Accept": "text/plain"}
    return await hub.client.get(f"/api/v1/projects/{path}", params=params, headers=headers)


async def followed(hub: RunningHub, logs: str, **params: int) -> list[int]:
    """Return the numbers of the lines that come until the attempt's end."""
    address = httpx.URL(f"{hub.url}/api/v1/projects/{logs}/follow", params=params)
    headers = {"Authorization": f"Bearer {hub.token}"}
    numbers: list[int] = []
    url = str(address.copy_with(scheme="ws"))
    async with asyncio.timeout(20), connect(url, additional_headers=headers, proxy=None) as client:
        while (message := json.loads(await client.recv()))["type"] == "lines":
            numbers += [line["number"] for line in message["lines"]]
    return numbers


async def test_projects_started_at_the_same_moment_get_ports_of_their_own(hub: RunningHub) -> None:
    names = [f"shop-{number}" for number in range(6)]
    compose = COMPOSE.replace('"8000"', '"8000", "8001", "8002"')
    await asyncio.gather(*(project(hub, name, compose) for name in names))
    answers = await asyncio.gather(*(post(hub, f"{name}/start") for name in names))
    assert {answer.status_code for answer in answers} == {202}
    found = [await until(hub, is_up, name) for name in names]
    ports = [
        port["host_port"]
        for status in found
        for service in status["services"]
        for port in service["ports"]
    ]
    assert len(set(ports)) == len(ports) == 18


async def test_ports_are_told_from_the_moment_a_project_is_added(hub: RunningHub) -> None:
    await project(hub)
    before = await until(hub, lambda _: True)
    (port,) = before["services"][0]["ports"]
    assert (port["service_port"], before["state"]) == (8000, "stopped")
    await post(hub, "shop/start")
    found = await until(hub, is_up)
    assert found["services"][0]["ports"] == [port]
    fixed = COMPOSE.replace('"8000"', f'"{port["host_port"]}:8000"')
    await project(hub, "other", fixed)
    other = await until(hub, lambda _: True, "other")
    taken = f"Port {port['host_port']} of api is taken by service api of project shop."
    assert taken in other["reason"]
    refused = await post(hub, "other/start")
    assert (refused.status_code, refused.json()["code"]) == (409, "port_conflict")
    assert taken in refused.json()["detail"]
    change = {"ports": {"api": {"8000": port["host_port"] + 1}}}
    changed = await hub.client.patch("/api/v1/projects/other/stack", json=change)
    assert changed.json()["reason"] == ""
    assert changed.json()["services"][0]["ports"][0]["host_port"] == port["host_port"] + 1


async def test_every_port_that_is_taken_is_named_with_its_service(hub: RunningHub) -> None:
    with ExitStack() as open_:
        servers = [open_.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(2)]
        first, second = (server.getsockname()[1] for server in servers)
        compose = COMPOSE.replace('"8000"', f'"{first}:8000"').replace(
            'expose: ["5432"]', f'ports: ["{second}:5432"]'
        )
        await project(hub, compose=compose)
        refused = await post(hub, "shop/start")
        assert (refused.status_code, refused.json()["code"]) == (409, "port_conflict")
        conflicts = refused.json()["fields"]["conflicts"]
        assert {(each["service"], each["port"]) for each in conflicts} == {
            ("api", first),
            ("db", second),
        }
        found = await until(hub, lambda _: True)
        assert found["state"] == "stopped"
        assert [each["attempt"] for each in found["services"]] == [0, 0]
    assert (await post(hub, "shop/start")).status_code == 202


async def test_logs_are_of_the_last_lines_and_stay_after_the_end(hub: RunningHub) -> None:
    await project(hub, compose=_TALKING)
    logs = "shop/services/talker/logs"
    early = await get(hub, logs)
    assert (early.status_code, early.json()["code"]) == (409, "stack_not_running")
    assert "project start shop" in early.json()["hint"]
    await post(hub, "shop/start")
    await until(hub, is_up)
    lines = [f"line {number}" for number in range(1, 151)]
    for stopped in (False, True):
        if stopped:
            await post(hub, "shop/stop")
            await until(hub, lambda found: found["state"] == "stopped")
        for params, expected in (
            ({}, lines[-100:]),
            ({"tail": 1}, lines[-1:]),
            ({"tail": 10_000}, lines),
        ):
            answer = await get(hub, logs, stream="stdout", **params)
            assert answer.text.splitlines() == expected
    everything, last = await followed(hub, logs), await followed(hub, logs, tail=3)
    assert (len(everything) > 100, last) == (True, everything[-3:])
    for tail in (0, -1, 10_001):
        assert (await get(hub, logs, tail=tail)).status_code == 422
    unknown = await get(hub, "shop/services/nope/logs")
    assert (unknown.status_code, unknown.json()["fields"]["services"]) == (400, ["talker"])
    assert "talker" in unknown.json()["hint"]
    assert (await get(hub, "nobody/services/talker/logs")).status_code == 404


async def test_a_status_has_its_times_and_is_found_by_id_at_the_older_addresses(
    hub: RunningHub,
) -> None:
    await project(hub)
    before = await until(hub, lambda _: True)
    old = f"/api/orchestration/{before['project_id']}"
    assert (before["last_started_at"], before["last_stopped_at"]) == (None, None)
    await hub.client.post(f"{old}/start")
    up = await until(hub, is_up)
    assert up["overall_healthy"] is True
    assert datetime.fromisoformat(up["checked_at"]) >= datetime.fromisoformat(up["last_started_at"])
    stopping = (await hub.client.post(f"{old}/stop")).json()
    assert stopping["state"] in {"stopping", "stopped"}
    down = await until(hub, lambda found: found["state"] == "stopped")
    assert down["overall_healthy"] is False
    assert down["last_stopped_at"] > down["last_started_at"]
    assert (await hub.client.get(f"{old}/status")).json()["state"] == "stopped"
    assert (await hub.client.post("/api/orchestration/nobody/start")).status_code == 404


async def test_a_service_that_waits_says_for_what_when_its_log_is_asked_for(
    hub: RunningHub,
) -> None:
    failing = COMPOSE.replace('db.py\n    environment: {FAKE_SECONDS: "1000"}', "db.py\n    "
                              'environment: {FAKE_SECONDS: "0", FAKE_EXIT_CODE: "127"}')  # fmt: skip
    folder = await project(hub, compose=failing)
    before = await until(hub, lambda _: True)
    assert before["source"]["without_restart"] == ["api", "db"]
    assert before["services"][0]["memory_bytes"]["asked"] == 512 * 1024**2
    answer = await get(hub, "shop/services/db/logs")
    assert (answer.status_code, answer.json()["code"]) == (409, "stack_not_running")
    assert "has not been started yet, so it has no log" in answer.json()["detail"]
    assert answer.json()["hint"] == "Start it: commandcenter project start shop"
    await post(hub, "shop/start")
    await until(hub, lambda found: found["state"] == "error" and found["services"][0]["message"])
    answer = await get(hub, "shop/services/api/logs")
    assert (answer.status_code, answer.json()["code"]) == (409, "stack_not_running")
    assert "It waits for db, which failed." in answer.json()["detail"]
    (folder.parent / "broken").mkdir()
    (folder.parent / "broken" / "compose.yaml").write_text(
        "services: {a: {image: 1}, b: {image: 2}}"
    )
    body = {"path": str(folder.parent / "broken"), "name": "broken"}
    await hub.client.post("/api/v1/projects", json=body)
    broken = await until(hub, lambda _: True, "broken")
    assert [(each["file"], each["line"]) for each in broken["problems"]] == [
        ("compose.yaml", 1)
    ] * 2
