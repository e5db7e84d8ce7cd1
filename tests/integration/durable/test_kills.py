"""Killing hub and runner with SIGKILL while runs are under way.

`CRASH_SEED` repeats a failed campaign; `CRASH_KILLS` sets how many kills the long one makes.
"""

import os
from collections.abc import Callable

import pytest

from tests.integration.durable.campaign import JOINED, NODES, Campaign
from tests.scenarios.driver import steps_of

pytestmark = pytest.mark.timeout(600)

_SEED = int(os.environ["CRASH_SEED"]) if "CRASH_SEED" in os.environ else None
_MANY = int(os.environ.get("CRASH_KILLS", "50"))
# Without these the long campaign takes minutes; `make crash` runs it.
_LONG = pytest.mark.skipif("CRASH_KILLS" not in os.environ, reason="long: make crash runs it")


def check(campaign: Campaign, *, runner_lived: bool) -> None:
    for run_id, run in campaign.finish().items():
        steps = steps_of(run)
        ends = {
            node: (step["state"], step["reason"], step["message"], len(step["attempts"]))
            for node, step in steps.items()
        }
        assert run["state"] == "succeeded", (run["message"], ends)
        assert steps["join"]["outputs"] == {"said": JOINED}, run
        campaign.check_records(run_id)
        for node in NODES:
            campaign.lost += sum(attempt["reason"] == "lost" for attempt in steps[node]["attempts"])
            counted = campaign.counted(run_id, node)
            if runner_lived:
                assert counted == ["begin", "end"], (run_id, node, counted)
            else:
                assert 1 <= counted.count("begin") <= len(steps[node]["attempts"]), counted
    campaign.end()


@pytest.mark.slow
def test_a_killed_hub_adopts_what_still_runs(campaigns: Callable[..., Campaign]) -> None:
    campaign = campaigns(_SEED)
    campaign.begin()
    for at_work in (False, True, False, True):
        campaign.refill()
        campaign.strike("hub", at_work=at_work)
    check(campaign, runner_lived=True)
    assert campaign.adopted > 0


@pytest.mark.slow
def test_attempts_of_a_killed_runner_are_run_again(campaigns: Callable[..., Campaign]) -> None:
    campaign = campaigns(_SEED)
    campaign.begin()
    for what in ("runner", "both", "runner"):
        campaign.refill()
        campaign.strike(what)
    check(campaign, runner_lived=False)
    assert campaign.lost > 0


@pytest.mark.slow
def test_a_hub_that_is_stopped_in_order_leaves_attempts_to_the_next(
    campaigns: Callable[..., Campaign],
) -> None:
    """A planned restart costs no more than a kill: nothing is cancelled, nothing runs twice."""
    campaign = campaigns(_SEED, drain_seconds="0", on_stop="leave")
    campaign.begin()
    for _ in range(2):
        campaign.refill()
        campaign.restart_in_order()
    check(campaign, runner_lived=True)
    assert campaign.adopted > 0


@pytest.mark.slow
def test_an_agent_that_must_not_run_twice_fails_when_lost(
    campaigns: Callable[..., Campaign],
) -> None:
    campaign = campaigns(_SEED)
    campaign.begin(on_lost="fail")
    for _ in range(4):
        campaign.start_run()
    campaign.strike("both")
    for run_id, run in campaign.finish().items():
        campaign.check_records(run_id)
        for node, step in steps_of(run).items():
            assert campaign.counted(run_id, node).count("begin") <= 1, (run_id, node)
            assert step["state"] in {"succeeded", "skipped"} or step["reason"] == "lost", step
    campaign.end()


@_LONG
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("what", ["hub", "runner", "both"])
def test_many_kills(campaigns: Callable[..., Campaign], what: str) -> None:
    campaign = campaigns(_SEED)
    campaign.begin()
    for _ in range(_MANY):
        campaign.refill()
        campaign.strike(what)
    check(campaign, runner_lived=what == "hub")
    print(  # noqa: T201  # the figures of the campaign, shown by `make crash`
        f"{what}: {dict(campaign.kills)} kills, {len(campaign.runs)} runs, "
        f"{campaign.adopted} attempts adopted at restarts, {campaign.run_again} to run again, "
        f"{campaign.lost} attempts lost in all"
    )
