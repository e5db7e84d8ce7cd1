"""Time-outs, cancelling, floods and survivors: what an attempt may not get away with."""

import asyncio
import math
import time

import pytest

from commandcenter.runtimes.results import FailureReason, Stream
from commandcenter.runtimes.spec import AttemptKind
from tests.conformance.runtimes.harness import (
    LIMITS,
    UnderTest,
    alive,
    eventually,
    job,
    python,
)

_IGNORE_TERM = "trap '' TERM; echo ready; while :; do sleep 0.05; done"


async def test_timeout_gives_a_grace_for_tidying_up(under: UnderTest) -> None:
    spec = job(
        "trap 'echo tidied; exit 0' TERM; while :; do sleep 0.05; done",
        fake={"seconds": "60", "stdout": "tidied\n"},
        timeout_seconds=0.5,
        grace_seconds=10.0,
    )
    handle = await under.runtime.start(spec)
    result = await under.runtime.wait(handle)
    assert result.reason is FailureReason.TIMEOUT
    assert result.exit_code is None
    assert "0.5 s" in result.message
    lines = await under.lines(handle)
    assert "tidied" in [line.text for line in lines]
    assert lines[-1].stream is Stream.SYSTEM


async def test_timeout_kills_what_ignores_sigterm(under: UnderTest) -> None:
    spec = job(
        _IGNORE_TERM,
        fake={"seconds": "60", "ignore_sigterm": "1"},
        timeout_seconds=0.3,
        grace_seconds=0.3,
    )
    result = await under.run(spec)
    assert result.reason is FailureReason.TIMEOUT


async def test_stop_says_cancelled_and_returns_when_dead(under: UnderTest) -> None:
    # What has only just begun may not hear SIGTERM yet.
    fake = {"seconds": "60", "stdout": "ready\n"}
    handle = await under.runtime.start(job("echo ready; exec sleep 60", fake=fake))
    async with asyncio.timeout(20):
        async for line in under.runtime.logs(handle, follow=True):
            assert line.text == "ready"
            break
    await under.runtime.stop(handle, grace_seconds=5.0)
    result = await under.runtime.wait(handle)
    assert result.reason is FailureReason.CANCELLED
    assert "killed" not in result.message
    await under.runtime.stop(handle, grace_seconds=5.0)
    assert (await under.runtime.wait(handle)).reason is FailureReason.CANCELLED


async def test_stop_kills_what_ignores_sigterm(under: UnderTest) -> None:
    handle = await under.runtime.start(
        job(_IGNORE_TERM, fake={"seconds": "60", "ignore_sigterm": "1", "stdout": "ready\n"})
    )
    async with asyncio.timeout(20):
        async for line in under.runtime.logs(handle, follow=True):
            assert line.text == "ready"
            break
    await asyncio.gather(*(under.runtime.stop(handle, grace_seconds=0.2) for _ in range(3)))
    result = await under.runtime.wait(handle)
    assert result.reason is FailureReason.CANCELLED
    assert "did not end within 0.2 s of SIGTERM and was killed" in result.message


async def test_a_result_is_not_changed_by_a_late_stop(under: UnderTest) -> None:
    handle = await under.runtime.start(job("exit 4", fake={"exit_code": "4"}))
    await under.runtime.wait(handle)
    await under.runtime.stop(handle, grace_seconds=0.0)
    result = await under.runtime.wait(handle)
    assert (result.exit_code, result.reason) == (4, FailureReason.EXIT_CODE)


async def test_endless_output_is_bounded_and_says_what_is_missing(under: UnderTest) -> None:
    lines = min(under.flood_lines, 150_000)
    text = "".join(f"{n} {'x' * 40}\n" for n in range(1, lines + 1)) if under.name == "fake" else ""
    spec = job(
        f"awk 'BEGIN {{ for (n = 1; n <= {lines}; n++) print n, \"{'x' * 40}\" }}'",
        fake={"stdout": text},
        limits=type(LIMITS)(
            cpu=1.0, memory_bytes=LIMITS.memory_bytes, pids=32, log_bytes=1024 * 1024
        ),
    )
    handle = await under.runtime.start(spec)
    result = await under.runtime.wait(handle)
    assert result.exit_code == 0
    found = await under.lines(handle)
    assert found[0].text.startswith("1 x")
    assert found[-1].text.startswith(f"{lines} x")
    gaps = [line for line in found if line.stream is Stream.SYSTEM]
    assert len(gaps) == 1
    assert "dropped" in gaps[0].text
    numbers = [line.number for line in found]
    assert numbers == sorted(set(numbers))
    log = under.paths.log(handle.attempt_id)
    assert sum(path.stat().st_size for path in log.iterdir()) <= 1024 * 1024


async def test_more_memory_than_allowed_is_out_of_memory(under: UnderTest) -> None:
    if under.name != "fake":
        under.need(limit="memory")
    spec = python(
        "held = []\nwhile True: held.append(bytearray(1024 * 1024))",
        fake={"ends": "out_of_memory"},
    )
    result = await under.run(spec)
    assert result.reason is FailureReason.OUT_OF_MEMORY
    assert result.exit_code is None
    assert result.message


async def test_the_tree_ends_when_a_child_is_out_of_memory(under: UnderTest) -> None:
    """The kernel may end just the child; its parent must not go on as if nothing had happened."""
    under.need(isolation=True, limit="memory")
    if "memory" in under.capabilities.watched_limits:
        pytest.skip("without a cgroup so large a request is refused to the child, nobody is ended")
    code = (
        "import subprocess, sys, time\n"
        "subprocess.run([sys.executable, '-c', 'b = bytearray(600 * 1024 * 1024)'])\n"
        "time.sleep(3)\n"
        "print('went on')\n"
    )
    handle = await under.runtime.start(python(code))
    assert (await under.runtime.wait(handle)).reason is FailureReason.OUT_OF_MEMORY
    assert "went on" not in await under.text(handle)


async def test_a_full_disk_is_said_to_be_full(under: UnderTest) -> None:
    if under.name != "fake":
        under.need(limit="disk")
    spec = job("head -c 64M /dev/zero > /tmp/flood", fake={"ends": "disk_full", "exit_code": "1"})
    result = await under.run(spec)
    assert result.reason is FailureReason.DISK_FULL


async def test_a_fork_bomb_is_bounded(under: UnderTest) -> None:
    under.need(isolation=True, limit="pids")
    code = (
        "import os, time\n"
        "made = 0\n"
        "try:\n"
        "    while made < 500:\n"
        "        if os.fork() == 0: time.sleep(60); os._exit(0)\n"
        "        made += 1\n"
        "except OSError: pass\n"
        "print(made)\n"
        "os._exit(0 if made <= 32 else 1)\n"
    )
    handle = await under.runtime.start(python(code))
    result = await under.runtime.wait(handle)
    assert result.exit_code == 0, await under.text(handle)


@pytest.mark.parametrize("end", ["exit", "stop"])
async def test_double_forked_survivors_die(under: UnderTest, end: str) -> None:
    under.need(isolation=True)
    code = (
        "import os, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        "        while True: time.sleep(1)\n"
        "    os._exit(0)\n"
        "os.wait()\n"
        "print('forked', flush=True)\n"
    ) + ("time.sleep(60)\n" if end == "stop" else "")
    before = under.processes()
    handle = await under.runtime.start(python(code))
    started = time.monotonic()
    async for line in under.runtime.logs(handle, follow=True):
        if line.text == "forked":
            break
    mine = under.processes() - before
    assert mine or end == "exit"  # which may be over by now
    if end == "stop":
        await under.runtime.stop(handle, grace_seconds=1.0)
    await under.runtime.wait(handle)
    await eventually("all are dead", lambda: not any(alive(pid) for pid in mine))
    assert time.monotonic() - started < 55  # not by the program's own end


async def test_nothing_is_left_of_an_ended_attempt(under: UnderTest) -> None:
    under.need(isolation=True)
    handle = await under.runtime.start(job("true"))
    await under.runtime.wait(handle)
    await under.runtime.remove(handle)
    await eventually("no process of it is left", lambda: not under.processes(handle))
    await eventually("no cgroup or container is left", lambda: not under.left(handle))


async def test_a_service_has_no_time_limit(under: UnderTest) -> None:
    spec = job(
        "sleep 60", fake={"seconds": "60"}, kind=AttemptKind.SERVICE, timeout_seconds=math.inf
    )
    handle = await under.runtime.start(spec)
    assert await under.runtime.recover(handle)
    await under.runtime.stop(handle, grace_seconds=0.0)
    assert (await under.runtime.wait(handle)).reason is FailureReason.CANCELLED
