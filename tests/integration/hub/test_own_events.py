"""What the hub tells of itself, and what it keeps of the past."""

from pathlib import Path

from sqlalchemy import text

from commandcenter import __version__
from commandcenter.hub.settings import Settings
from commandcenter.kit.database import Database
from tests.conftest import RunningHub, running_hub


async def test_its_start_and_its_stop_are_events(tmp_path: Path) -> None:
    settings = Settings(data_directory=tmp_path / "data", port=0, runtime="fake", drain_seconds=1.0)
    async with running_hub(settings) as hub:
        first = hub.url
    async with running_hub(settings) as hub:
        response = await hub.client.get("/api/v1/events", params={"limit": 500})
        own = [item for item in response.json()["items"] if item["type"].startswith("hub.")]

    assert [item["type"] for item in own] == ["hub.started", "hub.stopping", "hub.started"]
    assert [item["subject"] for item in own] == [first, first, hub.url]
    assert own[0]["data"] == {"version": __version__}


async def test_active_attempts_are_found_by_an_index(sqlite_hub: RunningHub) -> None:
    database = sqlite_hub.services.get(Database)
    query = "EXPLAIN QUERY PLAN SELECT count(*) FROM attempts WHERE finished_at IS NULL"
    async with database.read() as session:
        plan = " ".join(str(row) for row in await session.execute(text(query)))

    assert "ix_attempts_active" in plan
