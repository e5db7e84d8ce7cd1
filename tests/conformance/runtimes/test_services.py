"""Long-running services: their network, ports, volumes, probes, limits and ends."""

import asyncio
import os
import signal
import socket
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from commandcenter.kit.errors import ProblemError
from commandcenter.runtimes.base import Handle, Runtime
from commandcenter.runtimes.errors import NotRunningError, PortTakenError, ServiceConflictError
from commandcenter.runtimes.results import FailureReason
from commandcenter.runtimes.spec import (
    AttemptSpec,
    Limits,
    PublishedPort,
    Volume,
    Workspace,
    WorkspaceAccess,
)
from tests.conformance.runtimes.harness import (
    LIMITS,
    UnderTest,
    alive,
    descendants,
    eventually,
    free_port,
    job,
    service,
)

# Answers every connection with a word, after the client has said that it sends no more.
_ANSWER = """
import socket
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("0.0.0.0", 8000))
listener.listen(64)
print("up", flush=True)
while True:
    connection, _ = listener.accept()
    got = b""
    while chunk := connection.recv(65536):
        got += chunk
    connection.sendall(b"%s " + str(len(got)).encode())
    connection.close()
"""
_ASK = """
import socket, sys
for host in sys.argv[1:]:
    try:
        connection = socket.create_connection((host, 8000), 2)
        connection.shutdown(socket.SHUT_WR)
        print(host, connection.recv(100).decode())
    except OSError as error:
        print(host, "failed", type(error).__name__)
"""


@pytest.fixture(autouse=True)
def _runs_services(request: pytest.FixtureRequest) -> None:
    if "under" in request.fixturenames:
        under: UnderTest = request.getfixturevalue("under")
        if not under.capabilities.services:
            pytest.skip(f"the runtime {under.name} runs no services here")


def answering(word: str, **fields: object) -> AttemptSpec:
    code = _ANSWER % word
    return replace(service(name=word, **fields), command=("python", "-c", code))  # type: ignore[arg-type]


async def ask(under: UnderTest, network: str, *hosts: str, name: str = "asking") -> list[str]:
    spec = replace(service(network=network, name=name), command=("python", "-c", _ASK, *hosts))
    handle = await under.runtime.start(spec)
    result = await under.runtime.wait(handle)
    assert result.reason is None
    return [line.text for line in await under.lines(handle)]


async def up(under: UnderTest, spec: AttemptSpec, runtime: Runtime | None = None) -> Handle:
    """Start it and wait for its first line."""
    handle = await (runtime or under.runtime).start(spec)
    async with asyncio.timeout(20):
        async for line in under.runtime.logs(handle, follow=True):
            assert line.text == "up", line.text
            break
    return handle


def one_below(own: UnderTest, name: str) -> int:
    """The process of that name below the runner."""
    return next(
        pid
        for pid in descendants(own.runner_pid())
        if Path(f"/proc/{pid}/comm").read_text().strip() == name
    )


def command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


async def fetch(port: int, data: bytes = b"") -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        writer.write_eof()
        return await asyncio.wait_for(reader.read(), 10)
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


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


async def test_two_services_cannot_have_one_name(under: UnderTest) -> None:
    first = await under.runtime.start(service(network="names", name="same"))
    with pytest.raises(ServiceConflictError, match="same"):
        await under.runtime.start(service(network="names", name="same"))
    with pytest.raises(ServiceConflictError, match="same"):
        await under.runtime.remove_network("names")
    await under.runtime.stop(first, grace_seconds=0.0)
    await under.runtime.remove_network("names")
    await under.runtime.remove_network("names")


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


async def test_a_probe_runs_in_the_service(under: UnderTest) -> None:
    spec = service(
        "touch /tmp/here; echo up; sleep 60",
        fake={"stdout": "up\n", "execute_exit_code": "3", "execute_output": "words\n"},
        secret_environment={"TOKEN": "hidden-value"},
        details={"uid": 999, "gid": 999},
    )
    handle = await up(under, spec)
    shell = "test -e /tmp/here && test $(id -u) = 999 && echo words; exit 3"
    ended = await under.runtime.execute(handle, ("sh", "-c", shell), timeout_seconds=10.0)
    assert (ended.exit_code, ended.output) == (3, "words\n")
    if under.name != "fake":
        told = await under.runtime.execute(
            handle, ("sh", "-c", "echo $TOKEN"), timeout_seconds=10.0
        )
        assert "hidden-value" not in told.output
        assert told.exit_code == 0
        missing = await under.runtime.execute(handle, ("no-such",), timeout_seconds=10.0)
        assert (missing.exit_code, "no-such" in missing.output) == (127, True)
        large = await under.runtime.execute(
            handle, ("sh", "-c", "head -c 1000000 /dev/zero | tr '\\0' x"), timeout_seconds=10.0
        )
        assert (large.exit_code, len(large.output)) == (0, 64 * 1024)
    await under.runtime.stop(handle, grace_seconds=0.0)
    with pytest.raises(NotRunningError):
        await under.runtime.execute(handle, ("true",), timeout_seconds=1.0)


async def test_a_probe_that_hangs_is_killed(under: UnderTest) -> None:
    handle = await up(
        under,
        service("echo up; sleep 60", fake={"stdout": "up\n", "execute_seconds": "30"}),
    )
    hanging = ("sh", "-c", "trap '' TERM; sleep 41 & echo begun; sleep 42")
    ended = await under.runtime.execute(handle, hanging, timeout_seconds=0.5)
    assert ended.exit_code is None
    if under.name != "fake":
        assert ended.output == "begun\n"
        left = await under.runtime.execute(
            handle, ("sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"), timeout_seconds=5.0
        )
        assert "sleep 41" not in left.output
        assert "sleep 42" not in left.output
    await under.runtime.stop(handle, grace_seconds=0.0)  # its namespace can end


async def test_probes_are_no_way_around_the_filter(under: UnderTest) -> None:
    under.need(isolation=True)
    handle = await up(under, service("echo up; sleep 60"))
    shell = (
        "grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status; unshare -U true 2>/dev/null; "
        "echo $?"
    )
    told = await under.runtime.execute(handle, ("sh", "-c", shell), timeout_seconds=10.0)
    lines = dict(line.split(":\t") for line in told.output.splitlines() if ":\t" in line)
    assert {name: int(value, 16) for name, value in lines.items()} == {
        "CapInh": 0, "CapPrm": 0, "CapEff": 0, "CapBnd": 0, "CapAmb": 0,
        "NoNewPrivs": 1, "Seccomp": 2,
    }  # fmt: skip
    assert told.output.splitlines()[-1] == "1"
    await under.runtime.stop(handle, grace_seconds=0.0)


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


async def test_only_volumes_and_the_projects_folder_can_be_mounted(
    under: UnderTest, tmp_path: Path
) -> None:
    under.need(isolation=True)
    project = tmp_path / "project"
    (project / "backend").mkdir(parents=True)
    (project / "backend" / "app.txt").write_text("from the project\n")
    (project / "out").symlink_to("/etc")
    (tmp_path / "beside").mkdir()
    volumes = under.data / "volumes"

    def mounting(volume: Volume, access: WorkspaceAccess = WorkspaceAccess.READ) -> AttemptSpec:
        workspace = Workspace(project, access)
        shell = "cat /app/app.txt; touch /app/new; echo done"
        return service(shell, workspace=workspace, details={"volumes": (volume,)})

    handle = await under.runtime.start(
        mounting(Volume(project / "backend", "/app", writable=False))
    )
    texts = [line.text for line in await under.lines(handle)]
    assert "from the project" in texts
    assert not (project / "backend" / "new").exists()
    writable = mounting(Volume(project / "backend", "/app"), WorkspaceAccess.WRITE)
    await under.run(writable)
    assert (project / "backend" / "new").stat().st_uid == os.geteuid()
    refused = [
        Volume(project / "backend", "/app"),  # writable, in a folder that may only be read
        Volume(project / "out", "/app", writable=False),
        Volume(project / "missing", "/app", writable=False),
        Volume(tmp_path / "beside", "/app", writable=False),
        Volume(Path("/etc"), "/app", writable=False),
        Volume(Path("/"), "/app", writable=False),
        Volume(under.data, "/app"),
        Volume(under.data / "runner", "/app"),
        Volume(volumes, "/app"),
        Volume(volumes / "project", "/app"),
        Volume(volumes / "project" / "one" / "two", "/app"),
        Volume(volumes / "project" / ".." / ".." / "runner", "/app"),
        Volume(volumes / "project" / "one", "/etc/passwd"),
        Volume(volumes / "project" / "one", "/proc"),
        Volume(volumes / "project" / "one", "/app/../usr"),
        Volume(volumes / "project" / "one", "/workspace/out/x"),
    ]
    for volume in refused:
        with pytest.raises(ProblemError):
            await under.runtime.start(mounting(volume))
    assert not (volumes / "project").exists()


@pytest.mark.parametrize(
    "details",
    [
        {"uid": 0}, {"gid": 0}, {"names": ()}, {"names": ("localhost",)}, {"names": ("a b",)},
        {"names": ("a\n10.0.0.1 b",)}, {"network": "../x"}, {"network": ""},
        {"ports": (PublishedPort(0, 80),)}, {"ports": (PublishedPort(70_000, 80),)},
        {"ports": (PublishedPort(8080, 80, "example.org"),)}, {"tmpfs": {"/": 65536}},
        {"tmpfs": {"/usr": 65536}}, {"directory": "relative"}, {"stop_signal": 999},
    ],
)  # fmt: skip
async def test_a_description_that_cannot_be_is_refused(
    under: UnderTest, details: dict[str, object]
) -> None:
    under.need(isolation=True)
    with pytest.raises(ProblemError) as caught:
        await under.runtime.start(service(details=details))
    assert caught.value.code in {"invalid_attempt", "port_taken"}


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


async def test_a_probe_whose_waiting_process_dies_does_not_hold_the_service(
    own: UnderTest,
) -> None:
    handle = await up(own, service("echo up; exec sleep 60"))
    before = set(descendants(own.runner_pid()))
    probing = asyncio.create_task(
        own.runtime.execute(handle, ("sleep", "50"), timeout_seconds=50.0)
    )
    await eventually(
        "the command runs",
        lambda: any(command(pid) == b"sleep\x0050\x00" for pid in descendants(own.runner_pid())),
    )
    waiting = min(set(descendants(own.runner_pid())) - before)
    assert command(waiting) == command(own.runner_pid())
    os.kill(waiting, signal.SIGKILL)
    assert (await asyncio.wait_for(probing, 10)).exit_code == 128 + signal.SIGKILL
    await asyncio.wait_for(own.runtime.stop(handle, grace_seconds=0.0), 10)


async def test_a_folder_exchanged_while_it_is_mounted_shows_nothing_else(
    own: UnderTest, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    part, aside = project / "part", project / "aside"
    part.mkdir(parents=True)
    beside = tmp_path / "beside"
    beside.mkdir()
    (beside / "canary").write_text("the host's\n")
    over = threading.Event()

    def exchange() -> None:
        while not over.wait(0.006):  # so that a start falls now before, now into the exchange
            part.rename(aside)
            part.symlink_to(beside)
            over.wait(0.003)
            part.unlink()
            aside.rename(part)

    thread = threading.Thread(target=exchange)
    thread.start()
    started = []
    try:
        for _ in range(80):
            spec = service(
                "cat /app/canary; echo end",
                workspace=Workspace(project, WorkspaceAccess.READ),
                details={"volumes": (Volume(part, "/app", writable=False),)},
            )
            with suppress(ProblemError):
                started.append(await own.runtime.start(spec))
    finally:
        over.set()
        thread.join()
    assert started
    for handle in started:
        assert "the host's" not in await own.text(handle)


async def test_jobs_have_no_part_in_a_network(under: UnderTest) -> None:
    under.need(isolation=True)
    handle = await up(under, answering("there", network="apart"))
    spec = job(command=("python", "-c", _ASK, "there", "10.77.0.2"))
    asking = await under.runtime.start(spec)
    texts = [line.text for line in await under.lines(asking)]
    assert texts == ["there failed gaierror", "10.77.0.2 failed OSError"]
    await under.runtime.stop(handle, grace_seconds=0.0)


async def test_any_port_of_a_service_can_be_connected_to(under: UnderTest) -> None:
    spec = replace(
        service(fake={"stdout": "up\n"}, name="hidden"),
        command=("python", "-c", _ANSWER % "hidden"),
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
