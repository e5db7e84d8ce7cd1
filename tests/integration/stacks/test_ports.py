"""Ports of the host: each given to one service, whoever asks at the same moment."""

import asyncio
import os
import socket

import pytest

from commandcenter.kit.clock import utc_now
from commandcenter.kit.database import Database
from commandcenter.models import Project, ProjectStack
from commandcenter.stacks.errors import NoPortLeftError, PortConflictError
from commandcenter.stacks.port_giving import give_ports, refuse_held
from commandcenter.stacks.ports import Key, PortNeed, check_free
from commandcenter.stacks.resources import PortRange, Protocol

TCP = Protocol.TCP


async def project(database: Database, name: str) -> str:
    now = utc_now()
    async with database.write() as session:
        row = Project(id=name, name=name, path=f"/{name}", created_at=now, created_by="system")
        session.add(row)
        await session.flush()
        session.add(
            ProjectStack(
                project_id=name,
                desired="stopped",
                state="stopped",
                reason="",
                epoch=0,
                owner="hub",
                runtime="fake",
                source={},
                wishes={},
                changed_at=now,
            )
        )
    return name


async def give(
    database: Database, project_id: str, *needs: PortNeed, pool: range = range(20000, 20100)
) -> dict[Key, int]:
    async with database.write() as session:
        return await give_ports(
            session,
            owner="hub",
            project_id=project_id,
            needs=needs,
            pool=pool,
            free=lambda _port, _protocol: True,
        )


def any_port(service: str) -> PortNeed:
    return PortNeed(service, 80, None)


def fixed(service: str, first: int, last: int | None = None) -> PortNeed:
    return PortNeed(service, 80, PortRange(first, last or first))


async def test_projects_started_at_the_same_moment_get_different_ports(database: Database) -> None:
    names = [await project(database, f"p{number}") for number in range(8)]
    given = await asyncio.gather(
        *(give(database, name, any_port("a"), any_port("b")) for name in names)
    )
    ports = [port for each in given for port in each.values()]
    assert len(set(ports)) == len(ports) == 16


async def test_what_another_service_has_is_refused_and_what_nobody_has_is_proposed(
    database: Database,
) -> None:
    await project(database, "one")
    await project(database, "two")
    given = await give(database, "one", any_port("a"), any_port("b"))
    others = await give(database, "two", any_port("a"))
    taken = {*given.values(), *others.values()}
    async with database.write() as session:
        wanted = {"a": {80: given["b", 80, TCP]}}
        with pytest.raises(PortConflictError) as refused:
            await refuse_held(session, owner="hub", project_id="one", wanted=wanted)
        exchanged = {"a": {80: given["b", 80, TCP]}, "b": {80: given["a", 80, TCP]}}
        await refuse_held(session, owner="hub", project_id="one", wanted=exchanged)
    assert "another service of the stack" in refused.value.detail
    proposed = int(str(refused.value.hint).rsplit("=", 1)[1])
    assert given["b", 80, TCP] < proposed
    assert proposed not in taken


async def test_a_project_keeps_its_ports(database: Database) -> None:
    await project(database, "one")
    first = await give(database, "one", any_port("a"), any_port("b"))
    assert await give(database, "one", any_port("b"), any_port("a")) == first
    assert await give(database, "one", any_port("b")) == {("b", 80, TCP): first["b", 80, TCP]}


async def test_two_services_may_change_places(database: Database) -> None:
    await project(database, "one")
    await give(database, "one", fixed("a", 3000), fixed("b", 3001))
    given = await give(database, "one", fixed("a", 3001), fixed("b", 3000))
    assert given == {("a", 80, TCP): 3001, ("b", 80, TCP): 3000}


async def test_a_port_of_another_project_is_refused_by_name(database: Database) -> None:
    await project(database, "one")
    await project(database, "two")
    await give(database, "one", fixed("web", 3000))
    with pytest.raises(PortConflictError, match=r"3000 of site .* web of project one") as caught:
        await give(database, "two", fixed("site", 3000), any_port("b"))
    assert caught.value.fields["conflicts"] == [
        {
            "service": "site",
            "service_port": 80,
            "port": 3000,
            "taken_by": "service web of project one",
        }
    ]
    assert "project set two --port site:80=3001" in (caught.value.hint or "")
    assert await give(database, "two", fixed("site", 3000, 3005)) == {("site", 80, TCP): 3001}


async def test_one_number_may_be_a_port_of_each_protocol(database: Database) -> None:
    await project(database, "one")
    await project(database, "two")
    wanted = PortRange(5353, 5353)
    needs = [PortNeed("dns", 53, wanted, protocol) for protocol in Protocol]
    given = await give(database, "one", *needs)
    assert given == {("dns", 53, Protocol.TCP): 5353, ("dns", 53, Protocol.UDP): 5353}
    with pytest.raises(PortConflictError, match="5353 of dns"):
        await give(database, "two", needs[1])


async def test_no_port_is_left(database: Database) -> None:
    await project(database, "one")
    with pytest.raises(NoPortLeftError, match=r"20000 to 20000"):
        await give(database, "one", any_port("a"), any_port("b"), pool=range(20000, 20001))


def test_every_port_on_which_a_program_listens_is_named() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
    ):
        ports = {("a", 80, TCP): one.getsockname()[1], ("b", 80, TCP): two.getsockname()[1]}
        with pytest.raises(PortConflictError) as caught:
            check_free("one", ports, besides=frozenset(), claimed=frozenset())
        assert [each["service"] for each in caught.value.fields["conflicts"]] == ["a", "b"]
        assert f"(process {os.getpid()})" in caught.value.detail
        check_free("one", ports, besides=frozenset(ports.values()), claimed=frozenset())


def test_a_port_is_looked_at_by_its_own_protocol() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        with pytest.raises(PortConflictError):
            check_free(
                "one", {("dns", 53, Protocol.UDP): port}, besides=frozenset(), claimed=frozenset()
            )
        check_free("one", {("dns", 53, TCP): port}, besides=frozenset(), claimed=frozenset())
