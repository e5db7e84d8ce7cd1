"""The definition of a fork: what its origin ran, at ports of its own."""

from dataclasses import replace
from pathlib import Path

from commandcenter.stacks.default_stack import StackPorts, StackSecrets, default_stack
from commandcenter.stacks.definition import Wishes
from commandcenter.stacks.fork_phases import CopyProgress
from commandcenter.stacks.model import Service, Stack
from commandcenter.stacks.ports import Key
from commandcenter.stacks.resources import Port, PortRange, Protocol, ServiceLimits, VolumeMount
from commandcenter.stacks.stored import StoredDefinition, mentions, volumes_of

SECRETS = StackSecrets("p" * 32, "k" * 32)
OTHERS: dict[Key, int] = {
    ("postgres", 5432, Protocol.TCP): 2001,
    ("redis", 6379, Protocol.TCP): 2002,
    ("backend", 8000, Protocol.TCP): 2003,
    ("frontend", 3000, Protocol.TCP): 2004,
}


def stored(
    stack: Stack, *, kind: str = "default", wishes: Wishes | None = None
) -> StoredDefinition:
    return StoredDefinition(stack, {"kind": kind}, wishes or Wishes())


def test_a_default_stack_moves_with_what_its_browser_is_told() -> None:
    origin = default_stack("shop", StackPorts(1001, 1002, 1003, 1004), SECRETS)
    moved = stored(origin).stack(OTHERS, SECRETS)
    assert moved == default_stack("shop", StackPorts(2001, 2002, 2003, 2004), SECRETS)
    assert list(mentions(moved, {key: port - 1000 for key, port in OTHERS.items()})) == []


def test_any_port_will_do_unless_people_want_one() -> None:
    port = Port(8080, PortRange(80, 80))
    origin = Stack("shop", (Service("web", ports=(port,)), Service("none")))
    wishes = Wishes({"web": ServiceLimits(cpus=2.0)}, {"web": {8080: 9090}})
    assert [need.wanted for need in stored(origin, kind="compose").port_needs] == [None]
    [need] = stored(origin, kind="compose", wishes=wishes).port_needs
    assert need.wanted == PortRange(9090, 9090)
    moved = stored(origin, kind="compose", wishes=wishes).stack(
        {("web", 8080, Protocol.TCP): 9090}, SECRETS
    )
    web = moved.service("web")
    assert web is not None
    assert web.ports == (replace(port, published=PortRange(9090, 9090)),)
    assert web.limits.cpus == 2.0


def test_variables_that_name_a_port_of_the_origin_are_told_by_name_alone() -> None:
    environment = {
        "API": "http://localhost:8080/x",
        "OTHER": "http://localhost:80800",
        "SECRET": "8080",
        "DATABASE": "postgres://me:word@127.0.0.1:5432/db",
    }
    stack = Stack("shop", (Service("web", environment=environment),))
    found = list(
        mentions(stack, {("web", 80, Protocol.TCP): 8080, ("db", 5432, Protocol.TCP): 5432})
    )
    assert found == ["API of web names port 8080", "DATABASE of web names port 5432"]


def test_progress_is_told_in_megabytes() -> None:
    progress = CopyProgress(sizes={"data": 480_000_000})
    assert progress.words == "waits for another copy to end"
    progress.begin("db", "data")
    progress.add(120_000_000)
    assert progress.words == "copying data: 120 of 480 MB"
    progress.add(10**9)
    assert progress.words == "copying data: 480 of 480 MB"


def test_volumes_are_those_of_the_stack_with_the_first_service_that_has_each() -> None:
    stack = Stack(
        "shop",
        (
            Service("db", mounts=(VolumeMount("/data", "kept"), VolumeMount("/more"))),
            Service("worker", mounts=(VolumeMount("/data", "kept"),)),
        ),
    )
    names = ("kept", "db-1f2e3d4c5b6a", "of-an-earlier-definition")
    found = volumes_of(stack, [Path("/volumes", name) for name in names])
    assert found == {Path("/volumes/kept"): "db", Path("/volumes/db-1f2e3d4c5b6a"): "db"}
