"""Volumes, pauses and what a service can reach, beyond what the conformance suite asks."""

import asyncio
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from commandcenter.kit.disk import DiskFullError
from commandcenter.runtimes.base import Handle
from commandcenter.runtimes.docker import firewall
from commandcenter.runtimes.docker.runtime import DockerRuntime
from commandcenter.runtimes.errors import (
    RuntimeRefusedError,
    ServiceConflictError,
    VolumeCopyError,
)
from commandcenter.runtimes.spec import PublishedPort, Volume
from tests.conformance.runtimes.harness import free_port, job, service

_REACH = """
import socket, sys
for place in sys.argv[1:]:
    host, port = place.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), 2).close()
        print(host, "connected")
    except OSError as error:
        print(host, type(error).__name__)
"""


async def run(runtime: DockerRuntime, spec: object) -> list[str]:
    handle = await runtime.start(spec)  # type: ignore[arg-type]
    await runtime.wait(handle)
    texts = [line.text async for line in runtime.logs(handle)]
    await runtime.remove(handle)
    return texts


async def test_a_service_reaches_neither_this_machine_nor_the_world(
    runtime: DockerRuntime,
) -> None:
    if not firewall.is_possible():
        pytest.skip("only root can keep services from the machine's own network")
    handle = await runtime.start(service(network="closed", name="first"))
    held = await runtime._open()
    told = await held.parts.containers.inspect(handle.attempt_id)
    assert told is not None
    [network] = told["NetworkSettings"]["Networks"].values()
    with socket.socket() as listener:  # on all addresses of the machine
        listener.bind(("0.0.0.0", 0))  # noqa: S104 - what is tested
        listener.listen()
        port = listener.getsockname()[1]
        places = (f"{network['Gateway']}:{port}", "192.0.2.1:80", f"127.0.0.1:{port}")
        spec = replace(
            service(network="closed", name="second"), command=("python", "-c", _REACH, *places)
        )
        told_lines = await run(runtime, spec)
    assert len(told_lines) == 3
    assert not any("connected" in line for line in told_lines), told_lines
    await runtime.stop(handle, grace_seconds=0.0)
    await runtime.remove_network("closed")


async def test_udp_ports_are_published(runtime: DockerRuntime) -> None:
    port = free_port()
    code = (
        "import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        "s.bind(('0.0.0.0', 5353))\nprint('up', flush=True)\n"
        "data, sender = s.recvfrom(100)\ns.sendto(b'got ' + data, sender)\n"
    )
    ports = (PublishedPort(port, 5353, protocol="udp"),)
    handle = await runtime.start(
        replace(service(details={"ports": ports}), command=("python", "-c", code))
    )
    async for line in runtime.logs(handle, follow=True):
        assert line.text == "up"
        break
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(10)
        asking.sendto(b"this", ("127.0.0.1", port))
        assert asking.recv(100) == b"got this"
    await runtime.stop(handle, grace_seconds=0.0)


async def test_of_two_starts_under_one_name_one_is_refused(runtime: DockerRuntime) -> None:
    specs = [service(network="twins", name=name) for name in ("one", "one", "other")]
    found = await asyncio.gather(*map(runtime.start, specs), return_exceptions=True)
    assert [type(each).__name__ for each in found] == ["Handle", "ServiceConflictError", "Handle"]
    for handle in (found[0], found[2]):
        assert isinstance(handle, Handle)
        await runtime.remove(handle)
    await runtime.remove_network("twins")


async def test_a_paused_service_stands_still_and_can_be_stopped(runtime: DockerRuntime) -> None:
    handle = await runtime.start(service("echo up; while :; do sleep 0.05; done"))
    await runtime.pause(handle, seconds=60.0)
    await runtime.pause(handle, seconds=60.0)
    held = await runtime._open()
    told = await held.parts.containers.inspect(handle.attempt_id)
    assert told is not None
    assert told["State"]["Paused"]
    assert await runtime.resume(handle)
    assert not await runtime.resume(handle)
    assert (await runtime.execute(handle, ("true",), timeout_seconds=10.0)).exit_code == 0
    await runtime.pause(handle, seconds=60.0)
    await runtime.stop(handle, grace_seconds=1.0)


async def test_a_pause_ends_by_itself(runtime: DockerRuntime) -> None:
    handle = await runtime.start(service("echo up; while :; do echo on; sleep 0.05; done"))
    await runtime.pause(handle, seconds=0.2)
    number = max([line.number async for line in runtime.logs(handle)], default=0)
    async with asyncio.timeout(20):
        async for line in runtime.logs(handle, after=number + 5, follow=True):
            assert line.text == "on"
            break
    assert not await runtime.resume(handle)
    await runtime.stop(handle, grace_seconds=0.0)


async def test_volumes_are_copied_with_owners_modes_and_holes(
    runtime: DockerRuntime, data: Path
) -> None:
    source, target = (data / "volumes" / "shop" / name for name in ("one", "two"))
    assert await runtime.copy_volume(source, target) == 0
    shell = (
        "cd /data; echo text > file; chmod 640 file; ln -s file link; mkdir -m 700 inner; "
        "truncate -s 50M hole; touch -d @1000000000 file"
    )
    ids = {"uid": 999, "gid": 998}
    await run(runtime, service(shell, details={"volumes": (Volume(source, "/data"),), **ids}))
    assert await runtime.copy_volume(source, target) >= 50 * 1024**2
    with pytest.raises(VolumeCopyError, match="already"):
        await runtime.copy_volume(source, target)
    assert await runtime.volumes("shop") == (source, target)
    await runtime.sync_volumes("shop")
    assert await runtime.check_room([source, data / "volumes" / "shop" / "none"]) >= 50 * 1024**2
    vast = data / "volumes" / "shop" / "vast"
    held = {"volumes": (Volume(vast, "/data"),)}
    await run(runtime, service("truncate -s 10T /data/hole", details=held))
    with pytest.raises(DiskFullError, match="free"):
        await runtime.check_room([vast])
    look = "cd /data; stat -c '%n %a %u:%g %Y' file; readlink link; stat -c %a inner; du -k hole"
    told = await run(runtime, service(look, details={"volumes": (Volume(target, "/data"),), **ids}))
    assert told[:3] == ["file 640 999:998 1000000000", "file", "700"]
    assert int(told[3].split()[0]) < 1024
    handle = await runtime.start(service(details={"volumes": (Volume(target, "/data"),)}))
    with pytest.raises(ServiceConflictError, match="shop"):
        await runtime.remove_volumes("shop")
    await runtime.remove(handle)
    await runtime.remove_volumes("shop")
    await runtime.remove_volumes("shop")
    assert await runtime.copy_volume(source, data / "volumes" / "shop" / "three") == 0


async def test_a_copy_that_was_cut_short_is_not_there(runtime: DockerRuntime, data: Path) -> None:
    source, target = (data / "volumes" / "shop" / name for name in ("one", "two"))
    spec = service("echo 1 > /data/file", details={"volumes": (Volume(source, "/data"),)})
    await run(runtime, spec)
    held = await runtime._open()
    project, name = held.parts.places.volume(target)
    await held.parts.volumes._make(name, project)  # as a killed hub leaves it
    assert await runtime.copy_volume(source, target) > 0
    await runtime.remove_volumes("shop")


async def test_a_volume_removed_behind_our_back_does_not_come_back_empty(
    runtime: DockerRuntime, data: Path
) -> None:
    kept = Volume(data / "volumes" / "shop" / "kept", "/data")
    spec = service("ls /data; echo 1 > /data/file", details={"volumes": (kept,)})
    assert await run(runtime, spec) == []
    held = await runtime._open()
    _, name = held.parts.places.volume(kept.source)
    await held.parts.engine.call("DELETE", f"volumes/{name}")
    with pytest.raises(RuntimeRefusedError, match="kept is gone from the engine") as caught:
        await runtime.start(spec)
    mark = str(caught.value.hint).partition("rm ")[2].partition(",")[0]
    Path(mark).unlink()
    assert await run(runtime, spec) == []
    await runtime.remove_volumes("shop")
    assert await run(runtime, spec) == []  # what was removed in order is no loss
    await runtime.remove_volumes("shop")


async def test_a_job_that_writes_too_much_to_out_is_ended(runtime: DockerRuntime) -> None:
    handle = await runtime.start(job("head -c 30M /dev/zero > /out/flood; sleep 20"))
    result = await runtime.wait(handle)
    assert result.reason is not None
    assert (result.reason.value, result.exit_code) == ("disk_full", None)
    assert "4 MiB" in result.message
    await runtime.remove(handle)
