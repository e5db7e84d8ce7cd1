"""What is done beyond a definition, and what is excepted."""

import math
from dataclasses import replace
from typing import Any

import pytest

from commandcenter.runtimes.capabilities import Capabilities
from commandcenter.runtimes.spec import AttemptKind, AttemptSpec, Limits, ServiceSpec
from commandcenter.stacks.hardening import Excepted, Hardening, hardening
from commandcenter.stacks.model import Service
from commandcenter.stacks.resources import Port, ServiceLimits, TmpfsMount

ENGINE = Capabilities(
    name="engine",
    available=True,
    isolation="full",
    limits=frozenset({"cpu", "memory", "pids", "disk"}),
    watched_limits=frozenset(),
    network_off=True,
    network_allow_list=False,
    services=True,
    live_workspace=True,
    warm_pool=False,
)
PLAIN = Service("web", image="web", ports=(Port(80),))
CAREFUL = Service(
    "web",
    image="web",
    user="33",
    ports=(Port(80, host_ip="127.0.0.1"),),
    mounts=(TmpfsMount("/tmp"),),
    limits=ServiceLimits(cpus=1.0, memory_bytes=1024**2, pids=5),
    cap_drop=("ALL",),
    no_new_privileges=True,
    read_only=True,
)


def shown(
    service: Service,
    can: Capabilities = ENGINE,
    *,
    user_is_asked: bool = False,
    **fields: Any,
) -> Hardening:
    spec = AttemptSpec(
        "a",
        AttemptKind.SERVICE,
        (),
        None,
        b"",
        None,
        Limits(cpu=1.0, memory_bytes=512 * 1024**2, pids=512, disk_bytes=256 * 1024**2),
        math.inf,
        service=ServiceSpec("n", ("web",), **fields),
    )
    return hardening(service, spec, can, user_is_asked=user_is_asked)


def test_all_that_a_plain_definition_leaves_open_is_added() -> None:
    found = shown(PLAIN)
    assert found.excepted == ()
    assert found.added == (
        "runs as user 1000:1000, not root",
        "all capabilities are dropped",
        "no new privileges (set-user-ID programs gain nothing)",
        "the root file system is read-only",
        "/tmp is in memory, at most 256 MB",
        "at most 1 CPU",
        "at most 512 MB of memory",
        "at most 512 processes",
        "port 80 published on 127.0.0.1 alone",
        "a network of the project's own: it reaches the stack's services and nothing else",
    )


def test_what_a_definition_says_itself_is_not_added() -> None:
    found = shown(CAREFUL, user_is_asked=True)
    assert found.added == (
        "runs as user 1000:1000, as the definition or its image says",
        "a network of the project's own: it reaches the stack's services and nothing else",
    )


def test_what_had_to_be_left_is_told_with_the_reason() -> None:
    found = shown(PLAIN, read_only_root=False, capabilities=("CHOWN",), tmpfs={"/run": 1024**2})
    assert [each.what for each in found.excepted] == [
        "the root file system is writable",
        "capability CHOWN",
    ]
    assert "cap_add" in found.excepted[1].why
    assert "/run is in memory, at most 1 MB" in found.added
    assert not any("read-only" in each for each in found.added)


@pytest.mark.parametrize(
    ("watched", "told"), [(frozenset({"memory"}), "is watched"), (frozenset(), "no limit")]
)
def test_a_limit_that_is_not_enforced_is_told(watched: frozenset[str], told: str) -> None:
    can = replace(ENGINE, limits=frozenset({"pids", "cpu"}), watched_limits=watched)
    (memory,) = shown(PLAIN, can).excepted
    assert "memory" in memory.what
    assert told in memory.what


def test_a_runtime_without_isolation_hardens_nothing() -> None:
    found = shown(PLAIN, replace(ENGINE, isolation="none"))
    assert found.added == ()
    assert found.excepted[0].what == "no isolation"


def test_it_is_stored_and_read_back() -> None:
    found = Hardening(("a",), (Excepted("b", "c"),))
    assert Hardening.of(found.stored()) == found
    assert Hardening.of(None) == Hardening()
