"""The recorded times: our own, finer than a second, in the order of what happened."""

from datetime import datetime
from itertools import pairwise

import pytest

from tests.scenarios.driver import Driver, steps_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAIN = """
name: timed
nodes:
  n0: {agent: tool}
  n1: {agent: tool, needs: [n0]}
  n2: {agent: tool, needs: [n1]}
  n3: {agent: tool, needs: [n2]}
"""


async def test_steps_are_ordered_by_their_times(driver: Driver) -> None:
    run = await driver.ended(await driver.start(await driver.workflow(CHAIN)))

    steps = steps_of(run)
    times = [run["created_at"], run["started_at"]]
    for name in ("n0", "n1", "n2", "n3"):
        times += [steps[name]["started_at"], steps[name]["finished_at"]]
    times.append(run["finished_at"])
    moments = [datetime.fromisoformat(time) for time in times]
    assert all(before < after for before, after in pairwise(moments)), times
    events = [datetime.fromisoformat(event["at"]) for event in await driver.events(run["id"])]
    assert events == sorted(events)
    assert len(set(events)) > len(events) // 2
