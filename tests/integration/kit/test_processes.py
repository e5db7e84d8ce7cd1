"""Programs run from asynchronous code: what they say, and that none is left."""

import asyncio
from pathlib import Path

import pytest

from commandcenter.kit.processes import Finished, run_program


async def test_what_it_said_and_how_it_ended() -> None:
    done = await run_program("sh", "-c", "echo out; echo err >&2; exit 3", seconds=20)
    assert done == Finished(3, b"out\n", b"err\n")


async def test_one_that_takes_too_long_has_ended(tmp_path: Path) -> None:
    with pytest.raises(TimeoutError):
        await run_program("sh", "-c", f"echo $$ >{tmp_path}/pid; exec sleep 60", seconds=1.0)
    assert not _lives(tmp_path / "pid")


async def test_one_whose_caller_is_cancelled_has_ended(tmp_path: Path) -> None:
    said = tmp_path / "pid"
    running = asyncio.create_task(
        run_program("sh", "-c", f"echo $$ >{said}; exec sleep 60", seconds=60)
    )
    async with asyncio.timeout(20):
        while not said.exists() or not said.read_text():
            await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not _lives(said)


def _lives(said: Path) -> bool:
    return said.exists() and Path("/proc", said.read_text().strip()).exists()
