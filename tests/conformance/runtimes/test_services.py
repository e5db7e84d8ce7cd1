"""Long-running services: who they run as, their limits, logs and ends."""

import os
import signal
from dataclasses import replace

import pytest

from commandcenter.kit.errors import ProblemError
from commandcenter.runtimes.results import FailureReason
from commandcenter.runtimes.spec import (
    Limits,
    PublishedPort,
    Volume,
)
from tests.conformance.runtimes.harness import (
    LIMITS,
    UnderTest,
    alive,
    descendants,
    eventually,
    free_port,
    service,
)
from tests.conformance.runtimes.serving import answering, fetch, up

pytestmark = pytest.mark.usefixtures("runs_services")


async def test_the_next_attempt_takes_over_name_port_and_data(under: UnderTest) -> None:
    volume = under.data / "volumes" / "takeover" / "data"
    port = free_port()
    for number in range(1, 6):
        handle = await under.runtime.start(
            service(
                f"echo {number} >> /data/file; cat /data/file; sleep 60",
                network="takeover",
                details={
                    "ports": (PublishedPort(port, 80),),
                    "volumes": (Volume(volume, "/data"),),
                    "uid": 999,
                    "gid": 999,
                },
            )
        )
        if under.name != "fake":
            async for line in under.runtime.logs(handle, follow=True):
                if line.text == str(number):
                    break
        await under.runtime.stop(handle, grace_seconds=0.0)


async def test_a_service_is_a_user_with_its_own_places_and_no_others(under: UnderTest) -> None:
    under.need(isolation=True)
    spec = service(
        "id -u; id -g; hostname; pwd; ls -d /in /out /agent; touch /scratch/a /tmp/a /dev/shm/a; "
        "df -k --output=size /scratch /dev/shm | tail -n +2; touch /etc/a /a; echo end",
        name="places",
        details={
            "uid": 999,
            "gid": 998,
            "directory": "/tmp",
            "tmpfs": {"/scratch": 1024 * 1024},
            "shm_bytes": 2 * 1024 * 1024,
        },
    )
    handle = await under.runtime.start(spec)
    result = await under.runtime.wait(handle)
    assert (result.reason, result.output, result.artifacts_directory) == (None, None, None)
    lines = [line.text.strip() for line in await under.lines(handle)]
    out = [line for line in lines if not line.startswith(("ls:", "touch:"))]
    assert out == ["999", "998", "places", "/tmp", "1024", "2048", "end"]
    assert sum(line.startswith("ls:") for line in lines) == 3
    assert sum("Read-only" in line for line in lines) == 2


async def test_the_stop_signal_is_the_services_own(under: UnderTest) -> None:
    under.need(isolation=True)
    shell = (
        "trap 'echo interrupted; exit 0' INT; trap '' TERM; echo up; while :; do sleep 0.05; done"
    )
    handle = await up(under, service(shell, details={"stop_signal": signal.SIGINT}))
    await under.runtime.stop(handle, grace_seconds=10.0)
    assert (await under.lines(handle))[1].text == "interrupted"
    assert (await under.runtime.wait(handle)).reason is FailureReason.CANCELLED


async def test_limits_of_a_service_are_enforced_and_read_back(under: UnderTest) -> None:
    under.need(isolation=True, limit="memory")
    limits = Limits(cpu=0.5, memory_bytes=96 * 1024**2, pids=24)
    held = "held = []\nprint('up', flush=True)\nwhile True: held.append(bytearray(1024 * 1024))"
    idle = await up(under, service("echo up; sleep 60", limits=limits))
    stats = await under.runtime.stats(idle)
    assert stats.requested == limits
    if "memory" in under.capabilities.limits:
        actual = (stats.actual_cpu, stats.actual_memory_bytes, stats.actual_pids)
        assert actual == (0.5, 96 * 1024**2, 24)
    await under.runtime.stop(idle, grace_seconds=0.0)
    greedy = replace(service(limits=limits), command=("python", "-c", held))
    handle = await under.runtime.start(greedy)
    assert (await under.runtime.wait(handle)).reason is FailureReason.OUT_OF_MEMORY


async def test_a_flood_of_lines_is_followed_without_loss(under: UnderTest) -> None:
    under.need(isolation=True)
    lines = under.flood_lines
    shell = f"awk 'BEGIN {{ for (n = 1; n <= {lines}; n++) print n }}'"
    handle = await under.runtime.start(
        service(shell, limits=replace(LIMITS, log_bytes=64 * 1024**2))
    )
    expected = 1
    async for line in under.runtime.logs(handle, follow=True):
        assert line.text == str(expected)
        expected += 1
    assert expected == lines + 1


IMPOSSIBLE: tuple[dict[str, object], ...] = (
    {"uid": 0}, {"gid": 0}, {"names": ()}, {"names": ("localhost",)}, {"names": ("a b",)},
    {"names": ("a\n10.0.0.1 b",)}, {"network": "../x"}, {"network": ""},
    {"ports": (PublishedPort(0, 80),)}, {"ports": (PublishedPort(70_000, 80),)},
    {"ports": (PublishedPort(8080, 80, "example.org"),)}, {"tmpfs": {"/": 65536}},
    {"tmpfs": {"/usr": 65536}}, {"directory": "relative"}, {"stop_signal": 999},
)  # fmt: skip


async def test_a_description_that_cannot_be_is_refused(under: UnderTest) -> None:
    under.need(isolation=True)
    for details in IMPOSSIBLE:
        with pytest.raises(ProblemError) as caught:
            await under.runtime.start(service(details=details))
        assert caught.value.code in {"invalid_attempt", "port_taken"}, details


async def test_services_go_on_while_nobody_is_connected(under: UnderTest) -> None:
    under.need(isolation=True)
    port = free_port()
    spec = answering("steady", details={"ports": (PublishedPort(port, 8000),)})
    handle = await up(under, spec)
    await under.runtime.close()
    assert await fetch(port) == b"steady 0"
    other = await under.reopen()
    assert await other.recover(handle)
    assert await other.start(spec) == handle
    assert (await other.execute(handle, ("true",), timeout_seconds=5.0)).exit_code == 0
    await other.stop(handle, grace_seconds=0.0)


async def test_the_death_of_the_runner_leaves_nothing_of_services(own: UnderTest) -> None:
    port = free_port()
    volume = Volume(own.data / "volumes" / "p" / "data", "/data")
    spec = answering(
        "mortal", details={"ports": (PublishedPort(port, 8000),), "volumes": (volume,)}
    )
    handle = await up(own, spec)
    assert await fetch(port) == b"mortal 0"
    mine = descendants(own.runner_pid())
    assert len(mine) >= 4  # the network's process, bubblewrap twice, the service
    os.kill(own.runner_pid(), signal.SIGKILL)
    await eventually("all of it is dead", lambda: not any(alive(pid) for pid in mine))
    assert (await own.runtime.wait(handle)).reason is FailureReason.LOST
    again = await up(own, replace(spec, attempt_id=f"{spec.attempt_id}-again"))
    assert await fetch(port) == b"mortal 0"
    await own.runtime.stop(again, grace_seconds=0.0)
