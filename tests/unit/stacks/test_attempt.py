"""An attempt before its process runs: its image is had, its runtime may be away."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from commandcenter.runtimes.base import Handle
from commandcenter.runtimes.errors import ImageUnavailableError
from commandcenter.stacks.attempt import Attempt
from commandcenter.stacks.member import Exit
from commandcenter.stacks.model import Service, Stack
from commandcenter.stacks.prepared import Prepared
from commandcenter.stacks.preparing.place import Place
from commandcenter.stacks.preparing.preparer import Preparer
from commandcenter.stacks.probe import Answer
from commandcenter.stacks.resources import ServiceLimits
from tests.unit.stacks.shelf import Shelf


class Facts:
    """What an attempt has told."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self.handle: Handle | None = None
        self.exit: Exit | None = None

    def told(self, _service: str, _number: int, words: str) -> None:
        self.words.append(words)

    def started(self, _service: str, _number: int, handle: Handle, _prepared: Prepared) -> None:
        self.handle = handle

    def probed(
        self, _service: str, _number: int, _answer: Answer, *, counts: bool, retries: int
    ) -> None: ...

    def ended(self, _service: str, _number: int, exit_: Exit) -> None:
        self.exit = exit_

    def is_healthy(self, _service: str) -> bool:
        return False

    async def until_going(self) -> int:
        return 0

    async def until(self, look: Callable[[], object]) -> None:
        async with asyncio.timeout(10.0):
            while not look():
                await asyncio.sleep(0.01)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    made = Shelf(tmp_path / "data")
    made.tags["cache:1"] = "sha256:first"
    return made


def attempt(shelf: Shelf, folder: Path, facts: Facts) -> Attempt:
    stack = Stack("shop", (Service("cache", "cache:1", environment={"FAKE_SECONDS": "60"}),))
    preparer = Preparer(
        stack,
        Place("prj_1", folder, folder / "data", {}, accepted=frozenset({"cpu", "memory", "pids"})),
        shelf,
    )
    return Attempt(
        "cache",
        1,
        ServiceLimits(),
        facts=facts,
        runtime=shelf,
        prepare=preparer.prepare,
        clock=time.monotonic,
    )


async def test_pulling_is_told_and_what_was_pulled_is_started(shelf: Shelf, tmp_path: Path) -> None:
    facts = Facts()
    shelf.pulled.clear()
    made = attempt(shelf, tmp_path, facts)
    made.begin(None)
    await facts.until(lambda: facts.words)
    assert facts.words == ["pulling cache:1: 12 of 48 MB"]
    assert shelf.started == []
    shelf.pulled.set()
    await facts.until(lambda: facts.handle)
    assert shelf.references() == ["sha256:first"]
    await shelf.close()


async def test_a_stop_does_not_wait_for_a_pull(shelf: Shelf, tmp_path: Path) -> None:
    facts = Facts()
    shelf.pulled.clear()
    made = attempt(shelf, tmp_path, facts)
    made.begin(None)
    await shelf.pulling.wait()
    made.stop()
    await facts.until(lambda: facts.exit)
    assert shelf.started == []


async def test_a_runtime_that_is_away_is_asked_again_for_the_same(
    shelf: Shelf, tmp_path: Path
) -> None:
    facts = Facts()
    shelf.is_away.set()
    made = attempt(shelf, tmp_path, facts)
    made.begin(None)
    await facts.until(lambda: len(facts.words) > 1)
    assert "does not answer" in facts.words[0]
    assert facts.exit is None
    shelf.is_away.clear()
    await facts.until(lambda: facts.handle)
    assert [each.attempt_id for each in shelf.started] == ["prj_1.cache.1"]
    await shelf.close()


async def test_a_runtime_that_is_away_does_not_hold_up_a_stop(shelf: Shelf, tmp_path: Path) -> None:
    facts = Facts()
    shelf.is_away.set()
    made = attempt(shelf, tmp_path, facts)
    made.begin(None)
    await facts.until(lambda: facts.words)
    made.stop()
    await facts.until(lambda: facts.exit)
    assert shelf.started == []


async def test_what_runs_is_not_given_up_while_its_runtime_is_away(
    shelf: Shelf, tmp_path: Path
) -> None:
    first = Facts()
    before = attempt(shelf, tmp_path, first)
    before.begin(None)
    await first.until(lambda: first.handle)
    shelf.is_away.set()
    second = Facts()
    after = attempt(shelf, tmp_path, second)
    after.begin(first.handle)  # as after the hub's restart
    await second.until(lambda: second.words)
    assert second.exit is None
    shelf.is_away.clear()
    await second.until(lambda: second.handle)
    assert len(shelf.started) == 1
    await shelf.close()


@pytest.mark.parametrize("is_passing", [True, False])
async def test_whether_a_pull_may_be_tried_again_is_known(
    shelf: Shelf, tmp_path: Path, *, is_passing: bool
) -> None:
    facts = Facts()
    shelf.errors.append(ImageUnavailableError("no way", is_passing=is_passing))
    made = attempt(shelf, tmp_path, facts)
    made.begin(None)
    await facts.until(lambda: facts.exit)
    assert facts.exit is not None
    assert (facts.exit.is_passing, facts.exit.words) == (is_passing, "no way")
