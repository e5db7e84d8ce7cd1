"""Services of a network find each other, and nobody else reaches them."""

import asyncio
from dataclasses import replace

import pytest

from commandcenter.runtimes.errors import NotRunningError, ServiceConflictError
from commandcenter.runtimes.spec import (
    PublishedPort,
)
from tests.conformance.runtimes.harness import (
    UnderTest,
    free_port,
    job,
    service,
)
from tests.conformance.runtimes.serving import ANSWER, ASK, answering, ask, up

pytestmark = pytest.mark.usefixtures("runs_services")


async def test_services_of_a_network_find_each_other_by_name(under: UnderTest) -> None:
    under.need(isolation=True)
    network = "finding"
    handles = [await up(under, answering(word, network=network)) for word in ("left", "right")]
    # Both listen on the same port, each in a network namespace of its own.
    assert await ask(under, network, "left", "right", "localhost") == [
        "left left 0",
        "right right 0",
        "localhost failed ConnectionRefusedError",
    ]
    for handle in handles:
        await under.runtime.stop(handle, grace_seconds=0.0)
    await under.runtime.remove_network(network)


async def test_a_name_that_comes_later_is_known_to_those_before(under: UnderTest) -> None:
    under.need(isolation=True)
    first = await under.runtime.start(service(network="later", name="first"))
    second = await up(under, answering("second", network="later"))
    command = ("getent", "hosts", "second")
    found = await under.runtime.execute(first, command, timeout_seconds=5.0)
    assert (found.exit_code, "second" in found.output) == (0, True)
    for handle in (first, second):
        await under.runtime.stop(handle, grace_seconds=0.0)


async def test_another_networks_services_cannot_be_reached(under: UnderTest) -> None:
    under.need(isolation=True)
    port = free_port()
    spec = answering("private", network="private", details={"ports": (PublishedPort(port, 8000),)})
    handle = await up(under, spec)
    [line] = await ask(under, "private", "private")
    assert line == "private private 0"
    others = await ask(under, "public", "private", "10.77.0.1", "10.77.0.3", "10.77.0.4")
    assert all("failed" in line for line in others), others
    await under.runtime.stop(handle, grace_seconds=0.0)


async def test_two_services_cannot_have_one_name(under: UnderTest) -> None:
    first = await under.runtime.start(service(network="names", name="same"))
    with pytest.raises(ServiceConflictError, match="same"):
        await under.runtime.start(service(network="names", name="same"))
    with pytest.raises(ServiceConflictError, match="same"):
        await under.runtime.remove_network("names")
    await under.runtime.stop(first, grace_seconds=0.0)
    await under.runtime.remove_network("names")
    await under.runtime.remove_network("names")


async def test_jobs_have_no_part_in_a_network(under: UnderTest) -> None:
    under.need(isolation=True)
    handle = await up(under, answering("there", network="apart"))
    spec = job(command=("python", "-c", ASK, "there", "10.77.0.2"))
    asking = await under.runtime.start(spec)
    texts = [line.text for line in await under.lines(asking)]
    assert texts == ["there failed gaierror", "10.77.0.2 failed OSError"]
    await under.runtime.stop(handle, grace_seconds=0.0)


async def test_any_port_of_a_service_can_be_connected_to(under: UnderTest) -> None:
    spec = replace(
        service(fake={"stdout": "up\n"}, name="hidden"),
        command=("python", "-c", ANSWER % "hidden"),
    )
    handle = await up(under, spec)
    reader, writer = await under.runtime.connect(handle, 8000)
    if under.name != "fake":
        writer.write(b"1234")
        writer.write_eof()
        assert await asyncio.wait_for(reader.read(), 10) == b"hidden 4"
        with pytest.raises(ConnectionRefusedError, match="8001"):
            await under.runtime.connect(handle, 8001)
    writer.close()
    await under.runtime.stop(handle, grace_seconds=0.0)
    with pytest.raises(NotRunningError):
        await under.runtime.connect(handle, 8000)


async def test_a_service_that_takes_no_connections_refuses_them(under: UnderTest) -> None:
    handle = await up(under, service("echo up; sleep 60", fake={"stdout": "up\n", "refuses": "1"}))
    with pytest.raises(ConnectionRefusedError):
        await under.runtime.connect(handle, 8000)
    await under.runtime.stop(handle, grace_seconds=0.0)
