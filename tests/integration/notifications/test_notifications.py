from typing import Any

import pytest

from commandcenter.events.store import EventStore
from commandcenter.kit.database import Database
from commandcenter.models import Notification
from commandcenter.notifications.service import NotificationService
from tests.conftest import RunningHub
from tests.integration.projects.domain_hub import make_run


async def deliver(hub: RunningHub, outputs: dict[str, Any]) -> list[Notification]:
    service = hub.services.get(NotificationService)
    async with hub.services.get(Database).write() as session:
        return await service.deliver(session, "run_1", "tell", outputs)


@pytest.fixture
async def run(domains: RunningHub) -> None:
    await make_run(domains.services.get(Database))


@pytest.mark.usefixtures("run")
async def test_notices_reach_the_inbox(domains: RunningHub) -> None:
    await deliver(
        domains,
        {
            "notifications": [
                {"channel": "inbox", "severity": "critical", "title": "Leak", "body": "a key"},
                {"title": "Sent elsewhere", "channel": "telegram"},
                {"title": "Sent elsewhere", "channel": "email", "body": "shortened for mail"},
                {"message": "only\nwords", "severity": "shouting"},
            ]
        },
    )
    items = (await domains.client.get("/api/v1/notifications")).json()["items"]
    shown = {
        (item["channel"], item["severity"], item["title"], item["body"], item["state"])
        for item in items
    }
    assert shown == {
        ("inbox", "critical", "Leak", "a key", "delivered"),
        ("inbox", "info", "Sent elsewhere", "", "delivered"),
        ("telegram", "info", "Sent elsewhere", "", "failed"),
        ("email", "info", "Sent elsewhere", "shortened for mail", "failed"),
        ("inbox", "info", "only", "only\nwords", "delivered"),
    }
    one = await domains.client.get(f"/api/v1/notifications/{items[0]['id']}")
    assert one.json() == items[0]
    events = await domains.services.get(EventStore).after(0, run_id="run_1")
    assert [event.type for event in events] == ["notification.created"] * 5


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize(
    "outputs",
    [{}, {"notifications": None}, {"notifications": "x"}, {"notifications": [1, {}, {"title": 5}]}],
)
async def test_nonsense_delivers_nothing(domains: RunningHub, outputs: dict[str, Any]) -> None:
    assert await deliver(domains, outputs) == []


@pytest.mark.usefixtures("run")
async def test_floods_and_odd_characters_are_bounded(domains: RunningHub) -> None:
    await deliver(
        domains,
        {"notifications": [{"title": "t\0" * 10_000, "body": "\ud800" + "b" * 100_000}] * 500},
    )
    first = (await domains.client.get("/api/v1/notifications?limit=200")).json()
    assert len(first["items"]) == 101
    assert all(len(item["title"]) <= 300 for item in first["items"])
    assert all(len(item["body"]) <= 20_000 for item in first["items"])
    assert any("400 more notices" in item["title"] for item in first["items"])


@pytest.mark.usefixtures("run")
async def test_paging_goes_back_in_time_without_gaps(domains: RunningHub) -> None:
    made = await deliver(domains, {"notifications": [{"title": str(n)} for n in range(5)]})
    seen: list[str] = []
    cursor: str | None = None
    while True:
        params = {"limit": "2", "run_id": "run_1"} | ({"cursor": cursor} if cursor else {})
        page = (await domains.client.get("/api/v1/notifications", params=params)).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert sorted(seen) == sorted(notification.id for notification in made)
    assert len(set(seen)) == 5
