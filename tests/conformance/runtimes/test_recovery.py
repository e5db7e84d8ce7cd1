"""The hub's restart, the runner's death, and what is found afterwards."""

import os
import signal
from pathlib import Path

from commandcenter.runtimes.results import FailureReason
from tests.conformance.runtimes.harness import (
    UnderTest,
    alive,
    descendants,
    end_runner,
    eventually,
    job,
)


async def test_a_running_attempt_is_found_by_another_client(under: UnderTest) -> None:
    under.need(isolation=True)
    handle = await under.runtime.start(job("sleep 0.5; echo '{}' > /out/output.json"))
    await under.runtime.close()
    other = await under.reopen()
    assert await other.recover(handle)
    result = await other.wait(handle)
    assert (result.reason, result.output) == (None, b"{}\n")


async def test_a_result_is_kept_while_nobody_is_connected(under: UnderTest) -> None:
    handle = await under.runtime.start(job("exit 9", fake={"exit_code": "9"}))
    if under.name == "fake":  # it has no process of its own to go on in
        await under.runtime.wait(handle)
    await under.runtime.close()
    if under.name == "sandbox":  # whose runner goes on without us
        stored = under.paths.result(handle.attempt_id)
        await eventually("the result is stored", stored.exists)
    other = await under.reopen()
    assert await other.recover(handle)
    assert (await other.wait(handle)).exit_code == 9


async def test_start_after_a_restart_starts_nothing(under: UnderTest) -> None:
    spec = job("echo once", fake={"stdout": "once\n"})
    handle = await under.runtime.start(spec)
    await under.runtime.wait(handle)
    other = await under.reopen()
    assert await other.start(spec) == handle
    assert (await other.wait(handle)).reason is None
    assert len([line async for line in other.logs(handle)]) == 1


async def test_the_results_of_an_ended_runner_are_kept(own: UnderTest) -> None:
    handle = await own.runtime.start(job("exit 5"))
    await own.runtime.wait(handle)
    await end_runner(own.paths)
    assert await own.runtime.recover(handle)
    assert (await own.runtime.wait(handle)).exit_code == 5


async def test_kill_of_the_runner_loses_its_attempts_and_leaves_nothing(own: UnderTest) -> None:
    specs = [job("sleep 60") for _ in range(3)]
    handles = [await own.runtime.start(spec) for spec in specs]
    pid = own.runner_pid()
    mine = descendants(pid)
    cgroups = own.cgroups()
    assert len(mine) >= 9
    os.kill(pid, signal.SIGKILL)
    await eventually("the sandboxes died too", lambda: not any(alive(child) for child in mine))
    for handle, spec in zip(handles, specs, strict=True):
        assert (await own.runtime.wait(handle)).reason is FailureReason.LOST
        assert not await own.runtime.recover(handle)
        await own.runtime.start(spec)  # the id is used up: nothing is started again
        assert (await own.runtime.wait(handle)).reason is FailureReason.LOST
        lines = await own.lines(handle)
        assert "runner" in lines[-1].text
    assert own.runner_pid() != pid
    await eventually("the cgroups are swept", lambda: not any(map(Path.exists, cgroups)))
    assert not descendants(own.runner_pid())


async def test_a_waiting_call_hears_of_the_runners_death(own: UnderTest) -> None:
    handle = await own.runtime.start(job("sleep 60"))
    os.kill(own.runner_pid(), signal.SIGKILL)
    assert (await own.runtime.wait(handle)).reason is FailureReason.LOST


async def test_no_mount_of_the_runner_is_seen_outside(own: UnderTest) -> None:
    handle = await own.runtime.start(job("sleep 60"))
    text = Path("/proc/self/mountinfo").read_text()
    assert "commandcenter-" not in text.replace("/sys/fs/cgroup", "")
    await own.runtime.stop(handle, grace_seconds=0.0)
