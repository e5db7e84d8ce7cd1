"""Attempts with logs, for tests."""

from pathlib import Path

from commandcenter.kit.clock import utc_now
from commandcenter.kit.database import Database
from commandcenter.kit.segments import SegmentWriter
from commandcenter.models import Agent, Attempt, Step
from tests.integration.projects.domain_hub import make_run


async def make_attempts(database: Database, *, numbers: tuple[int, ...] = (1,)) -> None:
    """Store run_1 with the steps scan, which has these attempts, and tell, which has none."""
    await make_run(database)
    now = utc_now()
    async with database.write() as session:
        session.add(
            Agent(
                id="agent_1",
                name="looker",
                revision=1,
                version="1.0.0",
                digest="",
                manifest={},
                registered_at=now,
                registered_by="system",
            )
        )
        for position, node in enumerate(("scan", "tell")):
            session.add(Step(run_id="run_1", node=node, position=position, state="running"))
        await session.flush()
        for number in numbers:
            session.add(
                Attempt(
                    id=f"run_1.scan.{number}",
                    run_id="run_1",
                    node="scan",
                    number=number,
                    state="running",
                    runtime="fake",
                    agent_id="agent_1",
                    created_at=now,
                )
            )


def writer(data: Path, number: int = 1) -> SegmentWriter:
    directory = data / "logs" / "run_1" / f"run_1.scan.{number}"
    return SegmentWriter(directory, limit_bytes=16 * 1024**2)


async def finish(database: Database, number: int = 1) -> None:
    async with database.write() as session:
        attempt = await session.get_one(Attempt, f"run_1.scan.{number}")
        attempt.finished_at = utc_now()
