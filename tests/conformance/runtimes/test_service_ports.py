"""Ports of the host that lead to services."""

import asyncio
import os
import signal
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from commandcenter.runtimes.errors import PortTakenError
from commandcenter.runtimes.spec import (
    PublishedPort,
)
from tests.conformance.runtimes.harness import (
    UnderTest,
    alive,
    descendants,
    eventually,
    free_port,
    service,
)
from tests.conformance.runtimes.serving import answering, fetch, up

pytestmark = pytest.mark.usefixtures("runs_services")


def one_below(own: UnderTest, name: str) -> int:
    """The process of that name below the runner."""
    return next(
        pid
        for pid in descendants(own.runner_pid())
        if Path(f"/proc/{pid}/comm").read_text().strip() == name
    )


async def test_a_published_port_answers_until_the_service_ends(under: UnderTest) -> None:
    under.need(isolation=True)
    port = free_port()
    spec = answering("word", details={"ports": (PublishedPort(port, 8000),)})
    handle = await up(under, spec)
    assert await fetch(port) == b"word 0"
    size = 8 * 1024**2
    assert await fetch(port, b"x" * size) == f"word {size}".encode()
    answers = await asyncio.gather(*(fetch(port) for _ in range(50)))
    assert answers == [b"word 0"] * 50
    await under.runtime.stop(handle, grace_seconds=0.0)
    with pytest.raises(OSError, match=r"Connect call failed"):
        await fetch(port)


async def test_a_taken_port_is_refused_at_once_by_its_number(under: UnderTest) -> None:
    under.need(isolation=True)
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        spec = service(details={"ports": (PublishedPort(port, 80),)})
        with pytest.raises(PortTakenError, match=str(port)) as caught:
            await under.runtime.start(spec)
    assert caught.value.fields == {"host": "127.0.0.1", "port": port}
    handle = await under.runtime.start(spec)  # nothing was started: the id is still free
    await under.runtime.stop(handle, grace_seconds=0.0)


async def test_two_services_cannot_have_one_port(under: UnderTest) -> None:
    port = free_port()
    first = await under.runtime.start(
        service(name="holder", details={"ports": (PublishedPort(port, 80),)})
    )
    with pytest.raises(PortTakenError, match=str(port)):
        await under.runtime.start(service(details={"ports": (PublishedPort(port, 81),)}))
    await under.runtime.stop(first, grace_seconds=0.0)


async def test_a_dead_relay_is_replaced(own: UnderTest) -> None:
    port = free_port()
    spec = answering("relayed", details={"ports": (PublishedPort(port, 8000),)})
    handle = await up(own, spec)
    relay = one_below(own, "cc-network")
    os.kill(relay, signal.SIGKILL)
    await eventually("the relay is dead", lambda: not alive(relay))
    assert await fetch(port) == b"relayed 0"
    await own.runtime.stop(handle, grace_seconds=0.0)


async def test_a_port_is_free_at_once_however_slow_the_relay_is(own: UnderTest) -> None:
    port = free_port()
    spec = answering("slow", details={"ports": (PublishedPort(port, 8000),)})
    first = await up(own, spec)
    relay = one_below(own, "cc-network")
    os.kill(relay, signal.SIGSTOP)
    await own.runtime.stop(first, grace_seconds=0.0)
    with socket.socket() as other:  # anybody can have it
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
    second = await up(own, replace(spec, attempt_id=f"{spec.attempt_id}-again"))
    os.kill(relay, signal.SIGCONT)
    assert await fetch(port) == b"slow 0"
    await own.runtime.stop(second, grace_seconds=0.0)
