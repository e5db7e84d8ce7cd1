"""Forks over both databases, on the fake runtime: what is refused, recorded and asked again."""

from pathlib import Path
from typing import Any

import pytest

from commandcenter.events.store import EventStore
from commandcenter.runtimes import volumes
from tests.conftest import RunningHub
from tests.integration.stacks.stack_hub import free_port
from tests.integration.stacks.test_stack_api import is_up, post, project, until

COMPOSE = """
services:
  api:
    image: python:3.13
    command: python serve.py
    environment: {{FAKE_SECONDS: "1000", HERE: "http://localhost:{port}/api"}}
    ports: ["{port}:8000", "9000"]
    volumes: ["data:/data"]
volumes: {{data: }}
"""


async def shop(hub: RunningHub, *, start: bool = True) -> int:
    """A project with a published port and something in its volume; the port."""
    port = free_port()
    await project(hub, compose=COMPOSE.format(port=port))
    if start:
        (await post(hub, "shop/start")).raise_for_status()
        await until(hub, is_up)
        (await volume(hub)).mkdir(parents=True)
        (await volume(hub) / "word").write_text("kept")
    return port


async def volume(hub: RunningHub, name: str = "shop") -> Path:
    found: dict[str, str] = (await hub.client.get(f"/api/v1/projects/{name}")).json()
    return hub.settings.data_directory.resolve() / "volumes" / found["id"] / "data"


async def fork(hub: RunningHub, name: str = "copy", of: str = "shop", **more: Any) -> Any:
    headers = {"Idempotency-Key": more.pop("key")} if "key" in more else {}
    path = f"/api/v1/projects/{of}/fork"
    return await hub.client.post(path, json={"name": name, **more}, headers=headers)


async def made(hub: RunningHub, name: str = "copy") -> dict[str, Any]:
    """The fork once it is ready or given up."""
    found: dict[str, Any] = {}

    def settled(_: dict[str, Any]) -> bool:
        return found["phase"] in {"ready", "failed"}

    async def look() -> None:
        found.update((await hub.client.get(f"/api/v1/projects/{name}/fork")).json())

    for _ in range(400):
        await look()
        if settled(found):
            return found
        await until(hub, lambda _: True)
    pytest.fail(f"the fork is still {found}")


async def gone(hub: RunningHub, name: str) -> None:
    for _ in range(400):
        if (await hub.client.get(f"/api/v1/projects/{name}/fork")).status_code == 404:
            return
        await until(hub, lambda _: True)
    pytest.fail(f"{name} is not gone")


def ports(found: dict[str, Any]) -> set[int]:
    return {port["host_port"] for each in found["services"] for port in each["ports"]}


async def test_a_fork_has_ports_of_its_own_whatever_the_definition_asks_for(
    hub: RunningHub,
) -> None:
    port = await shop(hub)
    answer = await fork(hub)
    assert answer.status_code == 202
    assert answer.json()["forked_from_name"] == "shop"
    assert answer.json()["fork"]["phase"] == "copying"
    found = await until(hub, is_up, "copy")
    origin = await until(hub, is_up)
    assert port in ports(origin)
    assert len(ports(origin) | ports(found)) == 4
    assert any("HERE of api names port" in note for note in found["source"]["notes"])
    assert not any(str(port) in note for note in origin["source"]["notes"])
    assert (await volume(hub, "copy") / "word").read_text() == "kept"
    # The definition that ran counts, not what the folder says by now, and ports are kept.
    (hub.settings.allowed_roots[0] / "shop" / "compose.yaml").write_text("services: {}")
    (await post(hub, "copy/restart")).raise_for_status()
    again = await until(
        hub, lambda found: is_up(found) and found["services"][0]["attempt"] == 2, "copy"
    )
    assert ports(again) == ports(found)
    assert again["source"]["notes"] == found["source"]["notes"]
    # The folder is still the origin's.
    folder = str(hub.settings.allowed_roots[0] / "shop")
    added = await hub.client.post("/api/v1/projects", json={"path": folder})
    assert (added.status_code, added.json()["name"]) == (200, "shop")
    for name in ("shop", "copy"):
        await post(hub, f"{name}/stop")
        await until(hub, lambda found: found["state"] == "stopped", name)


async def test_the_same_fork_asked_again_is_made_once(hub: RunningHub) -> None:
    await shop(hub)
    first = await fork(hub, key="one", start=False)
    assert (await made(hub))["phase"] == "ready"
    again = await fork(hub, key="one", start=False)
    assert (first.status_code, again.status_code) == (202, 200)
    assert again.json()["id"] == first.json()["id"]
    assert again.json()["changed"] is False
    taken = await fork(hub, key="two")
    assert (taken.status_code, taken.json()["code"]) == (409, "project_name_taken")
    words = "With another one that is free: commandcenter project fork shop --as copy-2"
    assert taken.json()["hint"] == words
    items = (await hub.client.get("/api/v1/projects")).json()["items"]
    assert [each["name"] for each in items] == ["copy", "shop"]
    await post(hub, "shop/stop")
    await until(hub, lambda found: found["state"] == "stopped")


async def test_what_stands_against_a_fork_is_said_before_anything_is_made(
    hub: RunningHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shop(hub, start=False)
    never = await fork(hub)
    assert (never.status_code, never.json()["code"]) == (409, "nothing_to_fork")
    assert "project start shop" in never.json()["hint"]
    assert (await fork(hub, of="nobody")).status_code == 404
    assert (await fork(hub, name="No Name")).status_code == 422
    assert (await fork(hub, max_pause_seconds=0)).status_code == 422
    (await post(hub, "shop/start")).raise_for_status()
    await until(hub, is_up)
    monkeypatch.setattr(volumes, "_KEPT_FREE_BYTES", 2**60)
    full = await fork(hub)
    assert (full.status_code, full.json()["code"]) == (507, "disk_full")
    monkeypatch.undo()
    assert (await post(hub, "shop/discard")).json()["code"] == "not_a_fork"
    assert (await hub.client.get("/api/v1/projects/shop/fork")).status_code == 404
    items = (await hub.client.get("/api/v1/projects")).json()["items"]
    assert [each["name"] for each in items] == ["shop"]
    await post(hub, "shop/stop")
    await until(hub, lambda found: found["state"] == "stopped")


async def test_a_fork_that_cannot_be_copied_is_taken_back_with_its_reason(hub: RunningHub) -> None:
    await shop(hub)
    kept = await volume(hub)
    for number in range(300):
        (kept / str(number)).write_text("so many that a moment is not enough")
    (await fork(hub, max_pause_seconds=0.001)).raise_for_status()
    found = await made(hub)
    assert found["phase"] == "failed"
    assert "longer than 0.001 s" in found["message"]
    assert (await hub.client.get("/api/v1/projects/copy")).status_code == 404
    assert list(hub.settings.data_directory.rglob(f"*{found['project_id']}*")) == []
    origin = await until(hub, is_up)
    assert [each["attempt"] for each in origin["services"]] == [1]
    events = await hub.services.get(EventStore).after(0)
    [told] = [each for each in events if each.type == "project.fork_failed"]
    assert told.data["reason"] == found["message"]
    # The name is free again, and the longer pause is long enough.
    (await fork(hub, start=False)).raise_for_status()
    assert (await made(hub))["phase"] == "ready"
    await post(hub, "shop/stop")
    await until(hub, lambda found: found["state"] == "stopped")


async def test_a_discard_leaves_nothing_and_is_told(hub: RunningHub) -> None:
    await shop(hub)
    (await fork(hub)).raise_for_status()
    await until(hub, is_up, "copy")
    identifier = (await hub.client.get("/api/v1/projects/copy")).json()["id"]
    first = await post(hub, "copy/discard")
    assert (first.status_code, first.json()["phase"]) == (202, "discarding")
    again = await post(hub, f"{identifier}/discard")
    assert again.status_code in {202, 404}
    await gone(hub, identifier)
    for path in ("copy", "copy/status", f"{identifier}/fork"):
        assert (await hub.client.get(f"/api/v1/projects/{path}")).status_code == 404
    assert list(hub.settings.data_directory.rglob(f"*{identifier}*")) == []
    secrets = (await hub.client.get("/api/v1/secrets")).json()["items"]
    assert not any(identifier in each["name"] for each in secrets)
    audit = (await hub.client.get("/api/v1/audit")).json()["items"]
    actions = [each["action"] for each in audit if each["subject"] == identifier]
    assert {"project.fork", "stack.start", "project.discard", "project.remove"} <= set(actions)
    events = await hub.services.get(EventStore).after(0)
    told = [each.type for each in events if each.subject == identifier]
    assert told[0] == "project.added"
    assert {"project.forked", "stack.changed"} < set(told)
    assert told[-1] == "project.removed"
    assert is_up(await until(hub, lambda _: True))
    await post(hub, "shop/stop")
    await until(hub, lambda found: found["state"] == "stopped")


async def test_a_viewer_may_look_at_forks_and_make_none(hub: RunningHub) -> None:
    await shop(hub)
    (await fork(hub, start=False)).raise_for_status()
    await made(hub)
    token = {"Authorization": f"Bearer {await hub.token_for('viewer')}"}
    body = {"name": "other"}
    for path in ("shop/fork", "copy/discard"):
        refused = await hub.anonymous.post(f"/api/v1/projects/{path}", json=body, headers=token)
        assert refused.status_code == 403
    looked = await hub.anonymous.get("/api/v1/projects/copy/fork", headers=token)
    assert looked.json()["origin_name"] == "shop"
    await post(hub, "shop/stop")
    await until(hub, lambda found: found["state"] == "stopped")
