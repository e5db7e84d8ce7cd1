"""Services that stand still for a while, and copies of what they keep."""

import asyncio
import os
import shutil
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from commandcenter.kit.disk import DiskFullError
from commandcenter.kit.errors import ProblemError
from commandcenter.runtimes.base import Handle
from commandcenter.runtimes.errors import NotRunningError, ServiceConflictError, VolumeCopyError
from commandcenter.runtimes.results import FailureReason
from commandcenter.runtimes.spec import AttemptSpec, Volume
from tests.conformance.runtimes.harness import UnderTest, eventually, service

# Writes on as fast as it can, with three processes that fork on and on.
_BUSY = """
i=0
while true; do i=$((i+1)); echo $i > /data/one; done &
while true; do (true); echo again >> /data/two; done &
echo up
wait
"""


@pytest.fixture
def project(under: UnderTest, request: pytest.FixtureRequest) -> Iterator[str]:
    if under.name == "docker":
        pytest.skip("an engine keeps volumes for itself: tests/integration/docker looks into them")
    name = f"pausing-{os.getpid()}-{abs(hash(request.node.name))}"
    yield name
    for directory in (name, f"{name}-copy"):
        path = under.data / "volumes" / directory
        if path.exists():
            shutil.rmtree(path)


def volume(under: UnderTest, project: str, name: str = "data") -> Path:
    return under.data.resolve() / "volumes" / project / name


def busy(under: UnderTest, project: str, shell: str = _BUSY) -> AttemptSpec:
    kept = Volume(volume(under, project), "/data")
    return service(shell, network=project, details={"volumes": (kept,)})


async def up(under: UnderTest, spec: AttemptSpec) -> Handle:
    handle = await under.runtime.start(spec)
    await until_up(under, handle)
    return handle


async def until_up(under: UnderTest, handle: Handle) -> None:
    async with asyncio.timeout(20):
        async for line in under.runtime.logs(handle, follow=True):
            assert line.text == "up", line.text
            break


def state(path: Path) -> dict[str, tuple[float, bytes]]:
    return {each.name: (each.stat().st_mtime_ns, each.read_bytes()) for each in path.iterdir()}


async def changes(path: Path) -> None:
    before = state(path)
    await eventually("it goes on", lambda: state(path) != before)


async def test_nothing_is_written_while_a_service_is_paused(under: UnderTest, project: str) -> None:
    under.need(isolation=True)
    handle = await up(under, busy(under, project))
    path = volume(under, project)
    await changes(path)
    for _ in range(5):
        await under.runtime.pause(handle, seconds=30)
        before = state(path)
        copied = await under.runtime.copy_volume(path, volume(under, f"{project}-copy", "data"))
        assert copied > 0
        assert state(path) == before == state(volume(under, f"{project}-copy"))
        assert await under.runtime.resume(handle)
        await changes(path)
        await under.runtime.remove_volumes(f"{project}-copy")
    await under.runtime.stop(handle, grace_seconds=0.0)


async def test_pause_and_resume_can_be_said_again(under: UnderTest) -> None:
    handle = await under.runtime.start(service())
    for _ in range(2):
        await under.runtime.pause(handle, seconds=30)
    assert await under.runtime.resume(handle)
    assert not await under.runtime.resume(handle)
    await under.runtime.stop(handle, grace_seconds=0.0)
    assert not await under.runtime.resume(handle)
    with pytest.raises(NotRunningError):
        await under.runtime.pause(handle, seconds=30)


async def test_a_paused_service_can_be_stopped(under: UnderTest) -> None:
    shell = "trap 'echo bye; exit 0' TERM; echo up; while true; do sleep 0.05; done"
    handle = await under.runtime.start(service(shell, fake={"stdout": "up\n"}))
    await until_up(under, handle)
    await under.runtime.pause(handle, seconds=30)
    async with asyncio.timeout(10):
        await under.runtime.stop(handle, grace_seconds=5.0)
        result = await under.runtime.wait(handle)
    assert result.reason is FailureReason.CANCELLED
    if under.capabilities.isolation == "full":
        assert "bye" in await under.text(handle)


async def test_a_command_waits_for_the_end_of_the_pause(under: UnderTest) -> None:
    handle = await under.runtime.start(service())
    await under.runtime.pause(handle, seconds=30)
    late = await under.runtime.execute(handle, ("true",), timeout_seconds=0.3)
    assert late.exit_code is None
    waiting = asyncio.create_task(under.runtime.execute(handle, ("true",), timeout_seconds=20))
    await asyncio.sleep(0)
    assert await under.runtime.resume(handle)
    assert (await waiting).exit_code == 0
    await under.runtime.stop(handle, grace_seconds=0.0)


async def test_a_pause_ends_by_itself(under: UnderTest, project: str) -> None:
    under.need(isolation=True)
    handle = await up(under, busy(under, project))
    await under.runtime.pause(handle, seconds=0.2)
    await changes(volume(under, project))
    assert not await under.runtime.resume(handle)
    await under.runtime.stop(handle, grace_seconds=0.0)


async def test_who_is_woken_by_others_has_not_stood_still(own: UnderTest) -> None:
    own.need(isolation=True)
    handle = await up(own, service("echo up; while true; do sleep 0.01; done"))
    await own.runtime.pause(handle, seconds=30)
    [pid] = [
        int(entry.parent.name)
        for entry in Path("/proc").glob("[0-9]*/cmdline")
        if b"while true; do sleep 0.01" in _read(entry)
        and _read(entry).startswith(b"sh\0")
        and _read(entry.parent / "stat").rpartition(b")")[2].split()[0] == b"T"
    ]
    status = Path(f"/proc/{pid}/status")
    before = _switches(status)
    os.kill(pid, signal.SIGCONT)
    await eventually("it runs", lambda: _switches(status) != before)
    assert not await own.runtime.resume(handle)
    await own.runtime.stop(handle, grace_seconds=0.0)


async def test_a_killed_runner_leaves_no_service_standing(own: UnderTest, tmp_path: Path) -> None:
    own.need(isolation=True)
    handle = await up(own, service("echo up; exec sleep 3571"))
    await own.runtime.pause(handle, seconds=30)
    os.kill(own.runner_pid(), signal.SIGKILL)
    await eventually(
        "the service is gone",
        lambda: (
            not any(
                b"sleep\x003571" in _read(path) for path in Path("/proc").glob("[0-9]*/cmdline")
            )
        ),
    )
    assert not await own.runtime.recover(handle)


async def test_a_copy_has_all_that_a_volume_has(under: UnderTest, project: str) -> None:
    path, target = volume(under, project), volume(under, f"{project}-copy")
    (path / "folder" / "empty").mkdir(parents=True)
    (path / "folder" / "file").write_bytes(b"x" * 100_000)
    (path / "folder" / "file").chmod(0o640)
    os.utime(path / "folder" / "file", ns=(10**18, 10**18 + 1))
    os.link(path / "folder" / "file", path / "linked")
    (path / "link").symlink_to("/etc/passwd")
    (path / "folder" / "empty").chmod(0o500)
    os.mkfifo(path / "fifo")
    with (path / "sparse").open("wb") as file:
        file.seek(50 * 1024**2)
        file.write(b"end")
    if os.geteuid() == 0:
        os.chown(path / "folder" / "file", 1_950_000_001, 1_950_000_001)
    copied = await under.runtime.copy_volume(path, target)
    await under.runtime.sync_volumes(f"{project}-copy")
    assert 100_000 <= copied < 1024**2
    assert _tree(target) == _tree(path)
    assert (target / "folder" / "file").stat().st_ino == (target / "linked").stat().st_ino
    assert (target / "link").readlink() == Path("/etc/passwd")
    assert (target / "sparse").stat().st_blocks * 512 < 1024**2
    assert (target / "sparse").read_bytes() == (path / "sparse").read_bytes()
    (path / "folder" / "empty").chmod(0o700)
    await under.runtime.remove_volumes(f"{project}-copy")
    assert not target.parent.exists()
    await under.runtime.remove_volumes(f"{project}-copy")


async def test_a_copy_made_ahead_is_completed(under: UnderTest, project: str) -> None:
    path, target = volume(under, project), volume(under, f"{project}-copy")
    path.mkdir(parents=True)
    for number in range(20):
        (path / f"file-{number}").write_bytes(os.urandom(10_000))
    for _ in range(2):
        await under.runtime.copy_volume(path, target, ahead=True)
    assert not target.exists()
    (path / "file-3").unlink()
    (path / "file-4").write_bytes(b"shorter")
    with (path / "file-5").open("r+b") as file:  # the same size and time
        times = os.fstat(file.fileno())
        file.write(b"other")
        os.utime(file.fileno(), ns=(times.st_atime_ns, times.st_mtime_ns))
    (path / "file-6").unlink()
    (path / "file-6").mkdir()
    (path / "new").symlink_to("file-1")
    await under.runtime.copy_volume(path, target)
    assert _tree(target) == _tree(path)


async def test_a_target_that_is_there_is_left_as_it_is(under: UnderTest, project: str) -> None:
    path, target = volume(under, project), volume(under, f"{project}-copy")
    for each, word in ((path, "new"), (target, "old")):
        each.mkdir(parents=True)
        (each / "word").write_text(word)
    with pytest.raises(VolumeCopyError, match="already"):
        await under.runtime.copy_volume(path, target)
    assert (target / "word").read_text() == "old"
    assert await under.runtime.copy_volume(volume(under, project, "none"), target.parent / "b") == 0
    assert not (target.parent / "b").exists()


async def test_only_volumes_are_copied(under: UnderTest, project: str) -> None:
    path = volume(under, project)
    path.mkdir(parents=True)
    for source, target in (
        (under.data, volume(under, f"{project}-copy")),
        (path, under.data / "elsewhere"),
        (path / ".." / "other", volume(under, f"{project}-copy")),
    ):
        with pytest.raises(ProblemError, match="not the place of a volume"):
            await under.runtime.copy_volume(source, target)


async def test_volumes_in_use_are_not_removed(under: UnderTest, project: str) -> None:
    handle = await under.runtime.start(busy(under, project))
    with pytest.raises(ServiceConflictError, match="one"):
        await under.runtime.remove_volumes(project)
    await under.runtime.stop(handle, grace_seconds=0.0)
    await under.runtime.remove_volumes(project)
    assert not volume(under, project).exists()


async def test_room_is_looked_for_beforehand(under: UnderTest, project: str) -> None:
    path = volume(under, project)
    path.mkdir(parents=True)
    (path / "file").write_bytes(b"x" * 10_000)
    assert await under.runtime.check_room([path, volume(under, project, "none")]) == 10_000
    with (path / "large").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, 64 * 1024**2)
    free = os.statvfs(path)
    times = free.f_bavail * free.f_frsize // (64 * 1024**2) + 1
    with pytest.raises(DiskFullError, match="free on the disk"):
        await under.runtime.check_room([path] * times)


def _tree(path: Path) -> dict[str, tuple[object, ...]]:
    found: dict[str, tuple[object, ...]] = {}
    for each in sorted(path.rglob("*")):
        told = each.lstat()
        content: object = None
        if stat.S_ISREG(told.st_mode):
            content = each.read_bytes()
        elif stat.S_ISLNK(told.st_mode):
            content = each.readlink()
        mark = (told.st_mode, told.st_uid, told.st_gid, told.st_nlink, told.st_mtime_ns, content)
        found[str(each.relative_to(path))] = mark
    return found


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _switches(path: Path) -> str:
    return "".join(line for line in path.read_text().splitlines() if "ctxt" in line)
