"""The API of stacks over both databases, on the fake runtime."""

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from commandcenter.events.store import EventStore
from tests.conftest import RunningHub

_MIB = 1024**2
COMPOSE = """
services:
  api:
    image: python:3.13
    command: python serve.py
    environment: {FAKE_SECONDS: "1000"}
    ports: ["8000"]
    depends_on: {db: {condition: service_healthy}}
  db:
    image: python:3.13
    command: python db.py
    environment: {FAKE_SECONDS: "1000"}
    expose: ["5432"]
"""


async def project(hub: RunningHub, name: str = "shop", compose: str = COMPOSE) -> Path:
    folder = hub.settings.allowed_roots[0] / name
    folder.mkdir()
    (folder / "compose.yaml").write_text(compose)
    answer = await hub.client.post("/api/v1/projects", json={"path": str(folder), "name": name})
    answer.raise_for_status()
    return folder


async def until(
    hub: RunningHub, look: Callable[[dict[str, Any]], bool], name: str = "shop"
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    deadline = asyncio.get_running_loop().time() + 20
    while asyncio.get_running_loop().time() < deadline:
        found = (await hub.client.get(f"/api/v1/projects/{name}/status")).json()
        if look(found):
            return found
        await asyncio.sleep(0.02)
    pytest.fail(f"it did not come: {found}")


def is_up(found: dict[str, Any]) -> bool:
    return bool(found["state"] == "running" and found["overall_healthy"])


def attempts(found: dict[str, Any]) -> dict[str, int]:
    return {each["name"]: each["attempt"] for each in found["services"]}


async def post(hub: RunningHub, path: str, **headers: str) -> httpx.Response:
    return await hub.client.post(f"/api/v1/projects/{path}", headers=headers)


async def test_a_stack_goes_up_and_down_and_says_when_nothing_was_to_do(hub: RunningHub) -> None:
    folder = await project(hub)
    before = await until(hub, lambda _: True)
    assert (before["state"], before["source"]["files"]) == ("stopped", ["compose.yaml"])
    assert (await post(hub, "shop/stop")).status_code == 200
    first = await post(hub, "shop/start")
    assert (first.status_code, first.json()["changed"]) == (202, True)
    found = await until(hub, is_up)
    assert [each["state"] for each in found["services"]] == ["healthy", "healthy"]
    assert found["last_started_at"] is not None
    again = await post(hub, "shop/start")
    assert (again.status_code, again.json()["changed"]) == (200, False)
    await post(hub, "shop/stop")
    found = await until(hub, lambda found: found["state"] == "stopped")
    assert found["last_stopped_at"] is not None
    assert (await post(hub, "shop/stop")).json()["changed"] is False
    assert found["problems"] == []
    (folder / "compose.yaml").write_text(COMPOSE + "    privileged: true\n")
    found = await until(hub, lambda found: bool(found["problems"]))
    assert (found["state"], found["problems"][0]["line"]) == ("stopped", 14)


async def test_older_addresses_answer_too(hub: RunningHub) -> None:
    await project(hub)
    assert (await hub.client.post("/api/orchestration/shop/start")).status_code == 202
    await until(hub, is_up)
    status = await hub.client.get("/api/orchestration/shop/status")
    assert status.json()["state"] == "running"
    assert (await hub.client.post("/api/orchestration/shop/restart")).status_code == 202
    await until(hub, lambda found: is_up(found) and attempts(found) == {"api": 2, "db": 2})
    assert (await hub.client.post("/api/orchestration/shop/stop")).status_code == 202


async def test_the_same_restart_asked_again_is_done_once(hub: RunningHub) -> None:
    await project(hub)
    await post(hub, "shop/start")
    await until(hub, is_up)
    for _ in range(3):
        answer = await post(hub, "shop/services/api/restart", **{"Idempotency-Key": "one"})
        answer.raise_for_status()
    await until(hub, lambda found: is_up(found) and attempts(found) == {"api": 2, "db": 1})
    first = await post(hub, "shop/restart", **{"Idempotency-Key": "two"})
    await until(hub, lambda found: is_up(found) and attempts(found) == {"api": 3, "db": 2})
    second = await post(hub, "shop/restart", **{"Idempotency-Key": "two"})
    assert (first.json()["changed"], second.json()["changed"]) == (True, False)
    assert attempts(await until(hub, is_up)) == {"api": 3, "db": 2}


async def test_what_is_not_there_is_said(hub: RunningHub) -> None:
    folder = await project(hub)
    assert (await post(hub, "nobody/start")).status_code == 404
    unknown = await post(hub, "shop/services/web/restart")
    assert unknown.status_code == 400
    assert unknown.json()["fields"]["services"] == ["api", "db"]
    assert (await post(hub, "shop/services/api/restart")).status_code == 409
    change = {"limits": {"web": {"cpus": 1}}}
    refused = await hub.client.patch("/api/v1/projects/shop/stack", json=change)
    assert refused.status_code == 400
    # Of a file that cannot be read nobody knows the services: what is wrong with it is said.
    (folder / "compose.yaml").write_text(COMPOSE + "    privileged: true\n")
    answer = await hub.client.patch("/api/v1/projects/shop/stack", json=change)
    (problem,) = answer.json()["fields"]["problems"]
    assert (problem["path"], problem["line"] > 0) == ("services.db.privileged", True)


async def test_a_definition_that_cannot_run_is_refused_before_anything_starts(
    hub: RunningHub,
) -> None:
    folder = hub.settings.allowed_roots[0] / "shop"
    folder.mkdir()
    text = COMPOSE.replace("python:3.13", "example/other:1", 1).replace("  api:", "  a:")
    (folder / "compose.yaml").write_text(text + '    user: "0:0"\n    mem_limit: 900t\n')
    added = await hub.client.post("/api/v1/projects", json={"path": str(folder), "name": "shop"})
    beyond, image, user, way_out = added.json()["warnings"][-4:]
    assert beyond.startswith("db may use 921600.0 GB of memory, and this machine has")
    refused_on = "It will not start on the runtime fake: compose.yaml"
    assert image.startswith(f"{refused_on}:3: a runs the image example/other:1")
    assert user.startswith(f"{refused_on}:9: db is to run as root (user: 0:0)")
    assert "runtime" in way_out
    refused = await post(hub, "shop/start")
    assert (refused.status_code, refused.json()["code"]) == (409, "stack_cannot_start")
    problems = refused.json()["fields"]["problems"]
    assert [each["service"] for each in problems] == ["a", "db"]
    assert refused.json()["detail"].startswith("a runs the image")
    assert (await until(hub, lambda _: True))["state"] == "stopped"


async def test_a_restart_reads_the_definition_anew_and_looks_before_it_stops(
    hub: RunningHub,
) -> None:
    folder = await project(hub)
    await post(hub, "shop/start")
    await until(hub, is_up)
    (folder / "compose.yaml").write_text("services: {api: {image: 1}}")
    assert (await post(hub, "shop/restart")).status_code in {409, 422}
    assert is_up(await until(hub, lambda _: True))
    (folder / "compose.yaml").write_text(COMPOSE.replace("  api:", "  web:"))
    await post(hub, "shop/restart")
    await until(hub, lambda found: is_up(found) and attempts(found) == {"web": 1, "db": 2})


async def test_every_change_of_state_is_an_event(hub: RunningHub) -> None:
    await project(hub)
    await post(hub, "shop/start")
    await until(hub, is_up)
    await post(hub, "shop/stop")
    await until(hub, lambda found: found["state"] == "stopped")
    events = await hub.services.get(EventStore).after(0)
    stack = [each.data["state"] for each in events if each.type == "stack.changed"]
    assert stack == ["starting", "running", "stopping", "stopped"]
    told = [
        (each.data["service"], each.data["state"])
        for each in events
        if each.type == "stack.service_changed"
    ]
    assert told.index(("db", "healthy")) < told.index(("api", "starting"))
    assert told.index(("api", "stopped")) < told.index(("db", "stopped"))


async def test_a_project_goes_without_its_data_and_finds_it_again(hub: RunningHub) -> None:
    keeping = COMPOSE.replace('expose: ["5432"]', 'volumes: ["data:/data"]') + "volumes: {data: }\n"
    folder = await project(hub, compose=keeping)
    body = {"path": str(folder), "name": "shop"}
    await post(hub, "shop/start")
    before = await until(hub, is_up)
    volume = hub.settings.data_directory / "volumes" / before["project_id"] / "data"
    volume.mkdir(parents=True, exist_ok=True)
    (volume / "rows").write_text("x" * 3000)
    for path in ("shop", "shop/data"):
        assert (await hub.client.delete(f"/api/v1/projects/{path}")).status_code == 409
    kept = (await hub.client.get("/api/v1/projects/shop/data")).json()["volumes"]
    assert [(each["name"], each["place"]) for each in kept] == [("data", str(volume))]
    assert kept[0]["size_bytes"] >= 3000
    # Right after the stop, while its supervisor is still putting things away.
    await post(hub, "shop/stop")
    await until(hub, lambda found: found["state"] == "stopped")
    assert (await hub.client.delete("/api/v1/projects/shop")).status_code == 204
    other = await hub.client.post("/api/v1/projects", json={**body, "name": "shop-2"})
    assert other.json()["id"] != before["project_id"]
    assert any("--name shop" in words for words in other.json()["warnings"])
    await hub.client.delete("/api/v1/projects/shop-2")
    again = (await hub.client.post("/api/v1/projects", json={"path": str(folder)})).json()
    assert (again["id"], again["name"]) == (before["project_id"], "shop")
    assert any("taken up again" in words for words in again["warnings"])
    # It goes once more, and was not started in between.
    assert (await hub.client.delete("/api/v1/projects/shop")).status_code == 204
    again = (await hub.client.post("/api/v1/projects", json=body)).json()
    assert again["id"] == before["project_id"]
    await post(hub, "shop/start")
    found = await until(hub, is_up)
    assert attempts(found) == {"api": 2, "db": 2}  # an attempt's id is never used twice
    await post(hub, "shop/stop")
    await until(hub, lambda found: found["state"] == "stopped")
    assert (volume / "rows").exists()
    await hub.client.delete("/api/v1/projects/shop")
    await hub.client.post("/api/v1/projects", json=body)
    kept = (await hub.client.get("/api/v1/projects/shop/data")).json()["volumes"]
    assert [each["name"] for each in kept] == ["data"]
    assert (await hub.client.delete("/api/v1/projects/shop/data")).status_code == 204
    assert not volume.parent.exists()
    await hub.client.delete("/api/v1/projects/shop")
    fresh = (await hub.client.post("/api/v1/projects", json=body)).json()
    assert fresh["id"] != before["project_id"]


async def test_a_limit_that_is_not_in_force_stops_the_service_at_once(hub: RunningHub) -> None:
    weak = COMPOSE.replace('"1000"}', '"1000", FAKE_ACTUAL_MEMORY_BYTES: "1048576"}', 1)
    await project(hub, compose=weak)
    await post(hub, "shop/start")
    found = await until(hub, lambda found: found["state"] == "error")
    told = "memory: asked for 512 MiB, in force 1 MiB"
    assert told in found["reason"]
    assert [(each["state"], each["attempt"]) for each in found["services"]] == [
        ("failed", 1),
        ("healthy", 1),
    ]
    change = {"accept_unenforced": ["memory"]}
    await hub.client.patch("/api/v1/projects/shop/stack", json=change)
    begun = (await post(hub, "shop/start")).json()  # what runs yet is stopped first
    assert (begun["changed"], begun["state"], begun["reason"]) == (True, "starting", "")
    assert "failed" not in {each["state"] for each in begun["services"]}
    first = found["last_started_at"]
    assert first is not None
    found = await until(hub, lambda found: found["services"][0]["attempt"] == 2)
    found = await until(hub, lambda found: found["state"] == "error")
    assert found["last_started_at"] > found["last_stopped_at"] > first
    assert told in found["reason"]  # another limit than asked for is not the lack of one
    assert found["accept_unenforced"] == ["memory"]
    wrong = {"accept_unenforced": ["disk"]}
    assert (await hub.client.patch("/api/v1/projects/shop/stack", json=wrong)).status_code == 422


async def test_the_runtime_is_a_wish_and_others_stay_as_they_are(hub: RunningHub) -> None:
    await project(hub)
    path = "/api/v1/projects/shop/stack"
    memory = {"limits": {"api": {"memory_bytes": 64 * 1024**2}}}
    large = await hub.client.patch(path, json={"limits": {"api": {"memory_bytes": 2**50}}})
    assert "this machine has" in large.json()["warnings"][0]
    await hub.client.patch(path, json=memory)
    unknown = await hub.client.patch(path, json={"runtime": "moon"})
    assert unknown.status_code == 404
    assert unknown.json()["hint"] == "There are: docker, sandbox."
    chosen = await hub.client.patch(
        path, json={"runtime": "docker", "limits": {"api": {"cpus": 2}}}
    )
    assert (chosen.json()["runtime"], chosen.json()["next_runtime"]) == (None, "docker")
    back = await hub.client.patch(path, json={"runtime": None})
    assert back.json()["next_runtime"] == "fake"
    await post(hub, "shop/start")
    found = await until(hub, is_up)
    (api,) = (each for each in found["services"] if each["name"] == "api")
    assert (api["memory_bytes"]["asked"], api["cpus"]["asked"]) == (64 * 1024**2, 2)
    assert found["runtime"] == "fake"
    assert api["hardening"]["excepted"][0]["what"] == "no isolation"
    change = {"runtime": "sandbox"}
    assert (await hub.client.patch(path, json=change)).json()["warnings"] == []  # no volume yet
    (hub.settings.data_directory / "volumes" / found["project_id"] / "data").mkdir(parents=True)
    elsewhere = (await hub.client.patch(path, json=change)).json()
    assert "stays with fake" in elsewhere["warnings"][0]
    assert "project set shop --runtime fake" in elsewhere["warnings"][0]


async def test_what_waits_for_a_restart_is_told_and_a_service_alone_takes_its_limits(
    hub: RunningHub,
) -> None:
    await project(hub)
    await project(hub, "other")
    path = "/api/v1/projects/shop/stack"
    taken = (await until(hub, lambda _: True, "other"))["services"][0]["ports"][0]["host_port"]
    await post(hub, "shop/start")
    before = await until(hub, is_up)
    port = before["services"][0]["ports"][0]
    assert (port["pending"], before["services"][0]["memory_bytes"]["pending"]) == (None, None)
    refused = await hub.client.patch(path, json={"ports": {"api": {"8000": taken}}})
    assert (refused.status_code, refused.json()["code"]) == (409, "port_conflict")
    assert "service api of project other" in refused.json()["detail"]
    unknown = await hub.client.patch(path, json={"ports": {"api": {"1234": taken + 1}}})
    assert (unknown.status_code, unknown.json()["code"]) == (400, "unknown_port")
    assert "8000" in unknown.json()["hint"]
    with socket.create_server(("127.0.0.1", 0)) as server:
        wanted = server.getsockname()[1]
        refused = await hub.client.patch(path, json={"ports": {"api": {"8000": wanted}}})
        assert (refused.status_code, refused.json()["code"]) == (409, "port_conflict")
        assert f"port {wanted} of api is taken by" in refused.json()["detail"].lower()
    change = {
        "limits": {"api": {"memory_bytes": 64 * _MIB}, "db": {"cpus": 0.5}},
        "ports": {"api": {"8000": wanted}},
    }
    api, db = (await hub.client.patch(path, json=change)).json()["services"]
    assert (api["memory_bytes"]["asked"], api["memory_bytes"]["pending"]) == (
        512 * _MIB,
        64 * _MIB,
    )
    assert (db["cpus"]["asked"], db["cpus"]["pending"]) == (1, 0.5)
    assert (api["ports"][0]["host_port"], api["ports"][0]["pending"]) == (
        port["host_port"],
        wanted,
    )
    with socket.create_server(("127.0.0.1", wanted)):
        # Somebody listens there: found before anything is stopped.
        answer = await post(hub, "shop/restart")
        assert (answer.status_code, answer.json()["code"]) == (409, "port_conflict")
        assert "project set shop --port api:8000=" in answer.json()["hint"]
        assert attempts(await until(hub, is_up)) == {"api": 1, "db": 1}
    await post(hub, "shop/services/api/restart")
    found = await until(hub, lambda found: is_up(found) and attempts(found) == {"api": 2, "db": 1})
    api, db = found["services"]
    memory = {"asked": 64 * _MIB, "actual": 64 * _MIB, "used": api["memory_bytes"]["used"]}
    assert api["memory_bytes"] == {**memory, "pending": None}
    assert (db["cpus"]["pending"], api["ports"][0]["pending"]) == (0.5, wanted)
    await post(hub, "shop/stop")
    stopped = await until(hub, lambda found: found["state"] == "stopped")
    assert stopped["services"][1]["cpus"] == {
        "asked": 0.5,
        "actual": None,
        "used": None,
        "pending": None,
    }
    await post(hub, "shop/start")
    found = await until(hub, is_up)
    assert found["services"][1]["cpus"]["asked"] == 0.5
    assert found["services"][0]["ports"][0]["host_port"] == wanted
