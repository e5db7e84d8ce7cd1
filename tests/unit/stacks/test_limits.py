from dataclasses import replace
from typing import Any

import pytest

from commandcenter.runtimes.capabilities import Capabilities
from commandcenter.runtimes.results import Stats
from commandcenter.runtimes.spec import Limits
from commandcenter.stacks import member as members
from commandcenter.stacks.errors import LimitNotAppliedError, LimitsNotEnforcedError
from commandcenter.stacks.exits import of_start
from commandcenter.stacks.limits import refuse_unapplied, refuse_unenforced, warn_unenforced
from commandcenter.stacks.member import Member
from commandcenter.stacks.model import RestartMode, RestartPolicy
from commandcenter.stacks.states import ServiceState

ASKED = Limits(cpu=0.5, memory_bytes=300 * 1024**2, pids=64)
APPLIED = Stats(ASKED, 0.5, 300 * 1024**2, 64, 0.0, 0, 1)
ABLE = Capabilities(
    name="sandbox",
    available=True,
    isolation="full",
    limits=frozenset({"cpu", "memory", "pids", "disk"}),
    watched_limits=frozenset(),
    network_off=True,
    network_allow_list=True,
    services=True,
    live_workspace=True,
    warm_pool=True,
)
WEAK = replace(ABLE, limits=frozenset({"pids"}), problems=("There are no cgroups.",))
BOTH = frozenset({"cpu", "memory"})


def test_a_machine_that_enforces_all_needs_no_acceptance() -> None:
    assert refuse_unenforced(ABLE, frozenset(), "shop") == ()
    assert refuse_unenforced(replace(ABLE, problems=("x",)), BOTH, "shop") == ()


@pytest.mark.parametrize("accepted", [(), ("cpu",), ("memory", "pids")])
def test_a_machine_that_cannot_is_refused_with_the_command_that_accepts_it(
    accepted: tuple[str, ...],
) -> None:
    with pytest.raises(LimitsNotEnforcedError) as caught:
        refuse_unenforced(WEAK, frozenset(accepted), "shop")
    assert caught.value.detail == (
        "Limits of services cannot be enforced here: cpu,memory. There are no cgroups."
    )
    assert "project set shop --accept-unenforced cpu,memory" in str(caught.value.hint)
    assert caught.value.fields == {"limits": ["cpu", "memory"]}


def test_a_limit_that_is_asked_for_in_vain_is_told_with_what_follows() -> None:
    refused, why = warn_unenforced(WEAK, frozenset({"memory", "pids"}), frozenset(), "shop")
    assert refused == (
        "The limit of memory cannot be enforced here, and a start is refused until that is "
        "accepted: commandcenter project set shop --accept-unenforced cpu,memory"
    )
    assert why == "There are no cgroups."
    accepted, _ = warn_unenforced(WEAK, BOTH, BOTH, "shop")
    assert "cpu and memory cannot be enforced here, and it runs without" in accepted
    assert warn_unenforced(WEAK, frozenset({"pids"}), frozenset(), "shop") == ()
    assert warn_unenforced(ABLE, BOTH, frozenset(), "shop") == ()


def test_what_is_accepted_is_told_all_the_same() -> None:
    assert refuse_unenforced(WEAK, BOTH, "shop") == ("There are no cgroups.",)


@pytest.mark.parametrize(
    "stats",
    [APPLIED, replace(APPLIED, actual_cpu=0.50001, actual_memory_bytes=300 * 1024**2 - 4096)],
)
def test_limits_in_force_are_fine(stats: Stats) -> None:
    refuse_unapplied("web", stats, frozenset())


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"actual_cpu": None}, "cpu: asked for 0.5 cores, in force none"),
        ({"actual_cpu": 1.0}, "cpu: asked for 0.5 cores, in force 1 cores"),
        ({"actual_cpu": -1e-5}, "cpu: asked for 0.5 cores, in force none"),
        ({"actual_memory_bytes": 2**40}, "memory: asked for 300 MiB, in force 1048576 MiB"),
        ({"actual_memory_bytes": 2**63 - 4096}, "memory: asked for 300 MiB, in force none"),
        ({"actual_pids": 63}, "pids: asked for 64 processes, in force 63 processes"),
    ],
)
def test_a_limit_that_is_not_in_force_is_named(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(LimitNotAppliedError, match="web are not in force") as caught:
        refuse_unapplied("web", replace(APPLIED, **fields), frozenset())
    assert told in caught.value.detail


def test_only_the_lack_of_a_limit_can_be_accepted() -> None:
    none = replace(APPLIED, actual_cpu=None, actual_memory_bytes=None)
    refuse_unapplied("web", none, BOTH)
    with pytest.raises(LimitNotAppliedError):
        refuse_unapplied("web", none, frozenset({"cpu"}))
    with pytest.raises(LimitNotAppliedError):
        refuse_unapplied("web", replace(none, actual_cpu=2.0), BOTH)


def test_a_service_without_its_limits_is_not_tried_again_however_well_it_was() -> None:
    policy = RestartPolicy(RestartMode.UNLESS_STOPPED)
    well = Member("web", policy, ServiceState.STARTING, was_healthy=True)
    gone = members.ended(well, 0.0, of_start(LimitNotAppliedError("No limits.")))
    assert (gone.state, gone.message) == (ServiceState.FAILED, "No limits.")
