"""The guardian: it outlives its runner and ends after it, it cleans up, it is replaced."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.runner.conftest import Place, eventually


def lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


async def guardian_of(place: Place) -> int:
    return int((await place.client().status())["guardian"])


def noted(place: Place) -> tuple[str, list[str]]:
    left = json.loads(place.paths.leftovers.read_text())
    return left["instance"], left["cgroups"] + left["staging"]


def present(paths: list[str]) -> list[str]:
    return [path for path in paths if os.path.lexists(path)]


async def assert_it_cleans_up(place: Place, guardian: int) -> None:
    _, paths = noted(place)
    os.kill(place.pid(), signal.SIGKILL)
    await eventually("the directories are gone", lambda: not present(paths))
    await eventually("the guardian has ended", lambda: not lives(guardian))


async def test_it_ends_after_an_orderly_end(place: Place) -> None:
    guardian = await guardian_of(place)
    assert lives(guardian)
    _, paths = noted(place)
    os.kill(place.pid(), signal.SIGTERM)
    await eventually("the guardian has ended", lambda: not lives(guardian))
    assert not place.alive()
    assert not present(paths)


async def test_signals_do_not_end_it(place: Place) -> None:
    guardian = await guardian_of(place)
    assert os.getsid(guardian) == guardian  # so that no terminal's signals come here
    await eventually("its program runs", lambda: _command_name(guardian) == "cc-guardian")
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM):
        os.kill(guardian, number)
    await assert_it_cleans_up(place, guardian)


async def test_a_killed_guardian_is_replaced(place: Place) -> None:
    first = await guardian_of(place)
    os.kill(first, signal.SIGKILL)
    client = place.client()
    await client.start(place.request("sleep", "60"))
    second = first
    async with asyncio.timeout(15):
        while second in (0, first):
            second = int((await client.status())["guardian"])
            await asyncio.sleep(0.01)
    await eventually("its program runs", lambda: _command_name(second) == "cc-guardian")
    # Not in the runner's mount namespace, which would keep the staged mounts.
    assert Path(f"/proc/{second}/ns/mnt").readlink() == Path("/proc/self/ns/mnt").readlink()
    await assert_it_cleans_up(place, second)


async def test_a_name_alone_is_not_enough(place: Place) -> None:
    """Only what holds the runner's mark is ended, whatever a process calls itself."""
    guardian = await guardian_of(place)
    instance, _ = noted(place)
    lookalike = await asyncio.create_subprocess_exec(
        f"bwrap-{instance}", "60", executable="/usr/bin/sleep"
    )
    try:
        await assert_it_cleans_up(place, guardian)
        assert lookalike.returncode is None
        assert lives(lookalike.pid)
    finally:
        lookalike.kill()
        await lookalike.wait()


async def test_it_keeps_nothing_of_the_runners_open(place: Place) -> None:
    guardian = await guardian_of(place)
    await eventually("its program runs", lambda: _command_name(guardian) == "cc-guardian")
    held = [str(entry.readlink()) for entry in Path(f"/proc/{guardian}/fd").iterdir()]
    assert not any(word in name for name in held for word in (".lock", "socket:", "cgroup"))
    assert sum(name.startswith("pipe:") for name in held) == 1


@pytest.mark.parametrize("delay", [0.02, 0.05, 0.08, 0.11, 0.14, 0.17, 0.2, 0.25])
async def test_a_runner_that_is_killed_while_it_starts(place: Place, delay: float) -> None:
    place.paths.home.mkdir(parents=True)
    runner = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "commandcenter.runner", "--data", str(place.data),
        env={**os.environ, "PYTHONPATH": ":".join(sys.path)},
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    await asyncio.sleep(delay)
    runner.kill()
    await runner.wait()
    if place.paths.leftovers.exists() and place.paths.leftovers.read_text():
        instance, paths = noted(place)
        await eventually("the directories are gone", lambda: not present(paths))
        await eventually("nothing speaks of it", lambda: not _with_argument(instance))


@pytest.fixture
def unified() -> Iterator[Path]:
    """A cgroup of version 2 with a process in a leaf below it, or a skip."""
    roots = [
        Path(line.split()[1])
        for line in Path("/proc/mounts").read_text().splitlines()
        if line.split()[2] == "cgroup2"
    ]
    if not roots or not os.access(roots[0], os.W_OK):
        pytest.skip("there is no cgroup of version 2 to write to")
    base = roots[0] / f"commandcenter-test{os.getpid()}"
    (base / "1").mkdir(parents=True)
    yield base
    for place in (base / "1", base):
        if place.exists():
            place.rmdir()


def test_a_real_cgroup_of_version_2(unified: Path, tmp_path: Path) -> None:
    staging = tmp_path / "commandcenter-test"
    other = tmp_path / "somebody's"
    staging.mkdir()
    other.mkdir()
    with subprocess.Popen(["sleep", "60"]) as member:
        (unified / "1" / "cgroup.procs").write_text(str(member.pid))
        done = run_program([str(unified)], [str(staging), str(other)])
        assert member.wait() == -signal.SIGKILL
    assert done.returncode == 0, done.stderr
    assert b"had left running" in done.stderr
    assert not unified.exists()
    assert not staging.exists()
    assert other.exists()


def run_program(cgroups: list[str], staging: list[str]) -> subprocess.CompletedProcess[bytes]:
    """The guardian's program for a runner that is dead already."""
    life, writer = os.pipe()
    os.close(writer)
    mark = os.memfd_create("mark")
    try:
        program = Path(sys.modules["commandcenter.runner"].__path__[0]) / "guardian_program.py"
        return subprocess.run(
            [
                sys.executable,
                "-I",
                "-S",
                program,
                str(life),
                str(mark),
                "test",
                *cgroups,
                "--",
                *staging,
            ],
            pass_fds=(life, mark),
            capture_output=True,
            timeout=20,
            check=False,
        )
    finally:
        os.close(life)
        os.close(mark)


def _command_name(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()


def _with_argument(word: str) -> list[Any]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and word.encode() in (entry / "cmdline").read_bytes():
                found.append(entry.name)
        except OSError:
            continue
    return found
