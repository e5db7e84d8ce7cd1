"""The runner as a process: started once, found again, replaced, gone when idle."""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from commandcenter.kit.segment_reader import SegmentReader
from commandcenter.runner import ensure, frames
from commandcenter.runner.client import RunnerClient, ensure_runner
from commandcenter.runner.ensure import open_connection
from commandcenter.runner.errors import BadRequestError, RunnerUnavailableError, RunnerVersionError
from tests.integration.runner.conftest import LIMITS, Place, eventually


async def test_many_at_once_start_one_runner(place: Place) -> None:
    await asyncio.gather(*(ensure_runner(place.data) for _ in range(8)))
    assert {client["pid"] for client in [await _greeting(place) for _ in range(3)]} == {place.pid()}


async def test_the_socket_is_private(place: Place) -> None:
    await ensure_runner(place.data)
    assert place.paths.home.stat().st_mode & 0o777 == 0o700
    assert place.paths.socket.stat().st_mode & 0o077 == 0


async def test_a_stale_socket_is_replaced(place: Place) -> None:
    place.paths.home.mkdir(parents=True, mode=0o700)
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(place.paths.socket))
    stale.close()
    await ensure_runner(place.data)
    assert (await _greeting(place))["version"] == frames.PROTOCOL_VERSION


async def test_a_data_directory_with_a_long_path(place: Place) -> None:
    place.data = place.data / ("x" * 100) / ("y" * 100)
    client = place.client()
    await client.start(request := place.request("true"))
    outcome, _ = await client.wait(request.attempt_id)
    assert outcome.exit_code == 0


async def test_it_goes_when_there_is_nothing_to_do(place: Place) -> None:
    await ensure_runner(place.data, idle_minutes=0.001)
    noted = json.loads(place.paths.leftovers.read_text())
    await eventually("the runner is gone", lambda: not place.alive())
    assert not place.paths.socket.exists()
    assert not any(Path(path).exists() for path in noted["cgroups"] + noted["staging"])


async def test_it_goes_with_its_data_directory(place: Place) -> None:
    client = place.client()
    await client.start(place.request("sleep", "60"))
    pid = place.pid()
    place.data.rename(place.data.with_name("gone"))
    shutil.rmtree(place.data.with_name("gone"))
    await eventually("the runner is gone", lambda: not Path(f"/proc/{pid}").exists())


async def test_it_stays_while_an_attempt_runs(place: Place) -> None:
    await ensure_runner(place.data, idle_minutes=0.001)
    client = place.client()
    await client.start(request := place.request("sleep", "3"))
    await client.close()
    await eventually("the result is stored", place.paths.result(request.attempt_id).exists)
    await eventually("the runner is gone", lambda: not place.alive())


async def test_a_killed_runner_is_started_again_by_the_next_call(place: Place) -> None:
    client = place.client()
    await client.status()
    first = place.pid()
    os.kill(first, signal.SIGKILL)
    await client.status()
    assert place.pid() != first


async def test_it_outlives_a_killed_hub(place: Place) -> None:
    code = (
        "import asyncio, os, signal, sys\n"
        "from pathlib import Path\n"
        "from commandcenter.runner.client import RunnerClient\n"
        "from commandcenter.runner.request import JobLimits, JobRequest\n"
        "async def main():\n"
        "    client = RunnerClient(Path(sys.argv[1]))\n"
        "    limits = JobLimits(1.0, 2**28, 64, 2**23, 2**20)\n"
        "    command = ('sh', '-c', 'sleep 1; echo {} > /out/output.json')\n"
        "    await client.start(JobRequest('orphan', False, command, limits, 30.0, 1.0))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())\n"
    )
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", code, str(place.data)],
        env={**os.environ, "PYTHONPATH": ":".join(sys.path)},
        timeout=30,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    client = place.client()
    assert await client.known("orphan")
    outcome, output = await client.wait("orphan")
    assert (outcome.reason, output) == (None, b"{}\n")


async def test_a_directory_of_another_user_is_refused(place: Place) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a directory away")
    place.paths.home.mkdir(parents=True)
    os.chown(place.paths.home, 12345, 12345)
    with pytest.raises(RunnerUnavailableError, match="another user"):
        await ensure_runner(place.data)


async def test_a_runner_that_cannot_start_says_why(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ensure, "_DEADLINE_SECONDS", 4.0)
    place.paths.home.mkdir(parents=True, mode=0o700)
    place.paths.attempts.write_text("in the way")
    with pytest.raises(RunnerUnavailableError) as caught:
        await ensure_runner(place.data)
    assert "attempts" in caught.value.detail
    assert str(place.paths.own_log) in (caught.value.hint or "")


async def test_a_busy_runner_of_another_version_is_left_alone(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = place.client()
    await client.start(request := place.request("sleep", "60"))
    monkeypatch.setattr(frames, "PROTOCOL_VERSION", 999)
    with pytest.raises(RunnerVersionError, match="still runs attempts"):
        await ensure_runner(place.data)
    monkeypatch.undo()
    await client.stop(request.attempt_id, 0.0)


async def test_nonsense_on_the_socket_harms_nobody(place: Place) -> None:
    await ensure_runner(place.data)
    for nonsense in (b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 64, b"\0\0\0\5\0\0\0\0[1,2]", b"\0"):
        _, writer, _ = await open_connection(place.paths)
        writer.write(nonsense)
        writer.close()
    assert (await place.client().status())["attempts"] == 0


async def test_an_unknown_operation_is_an_error(place: Place) -> None:
    client = place.client()
    with pytest.raises(BadRequestError, match="Unknown operation"):
        await client._call("explode", {})
    with pytest.raises(BadRequestError, match="not an attempt id"):
        await client.wait("../../etc")


async def test_calls_are_answered_out_of_order(place: Place) -> None:
    client = place.client()
    slow, fast = place.request("sleep", "60"), place.request("true")
    await client.start(slow)
    waiting = asyncio.create_task(client.wait(slow.attempt_id))
    await client.start(fast)
    assert (await client.wait(fast.attempt_id))[0].exit_code == 0
    assert not waiting.done()
    await client.remove(slow.attempt_id)
    assert (await waiting)[0].reason == "cancelled"


async def _greeting(place: Place) -> dict[str, object]:
    _, writer, greeting = await open_connection(place.paths)
    writer.close()
    return greeting


async def test_two_clients_share_a_runner(place: Place) -> None:
    one, two = place.client(), place.client()
    assert isinstance(one, RunnerClient)
    await one.start(request := place.request("sleep", "60"))
    assert await two.known(request.attempt_id)
    assert await two.start(request) is False
    await two.stop(request.attempt_id, 0.0)
    assert (await one.wait(request.attempt_id))[0].reason == "cancelled"


async def test_a_stopped_runner_loses_its_attempts_in_order(place: Place) -> None:
    client = place.client()
    await client.start(request := place.request("sleep", "60"))
    waiting = asyncio.create_task(client.wait(request.attempt_id))
    await asyncio.sleep(0)
    pid = place.pid()
    os.kill(pid, signal.SIGTERM)
    outcome, _ = await waiting
    assert outcome.reason == "lost"
    assert not await client.known(request.attempt_id)
    await client.start(again := place.request("true"))  # by the next runner
    assert (await client.wait(again.attempt_id))[0].exit_code == 0
    assert place.pid() != pid


@pytest.mark.skipif(os.geteuid() != 0, reason="only a runner that runs as root stages mounts")
async def test_a_running_attempt_keeps_no_mounts_in_the_runner(
    place: Place, tmp_path: Path
) -> None:
    """Every next launch would read them."""
    agent = tmp_path / "agent-to-be-staged"
    agent.mkdir()
    (agent / "here").touch()
    client = place.client()
    script = "test -e /agent/here && echo up && sleep 60"
    request = place.request("/bin/sh", "-c", script, agent_directory=str(agent))
    await client.start(request)

    def left() -> list[str]:
        lines = Path(f"/proc/{place.pid()}/mountinfo").read_text().splitlines()
        return [line for line in lines if agent.name in line]

    await eventually("its mounts are gone", lambda: not left())
    reader = SegmentReader(place.paths.log(request.attempt_id))
    await eventually("it runs", lambda: [record.text for record in reader.after()] == ["up"])
    await client.stop(request.attempt_id, 0.0)
    assert (await client.wait(request.attempt_id))[0].reason == "cancelled"


async def test_a_program_without_bound_is_told_of_its_limit_of_processes(place: Place) -> None:
    client = place.client()
    if not (await client.status())["cgroups"]:
        pytest.skip("there are no cgroups here to ask")
    script = "i=0; while [ $i -lt 40 ]; do sleep 30 & i=$((i+1)); done; wait"
    request = place.request(
        "/bin/sh", "-c", script, timeout_seconds=1.5, limits=replace(LIMITS, pids=8)
    )
    await client.start(request)
    outcome, _ = await client.wait(request.attempt_id)
    await client.start(quiet := place.request("false"))
    unlike, _ = await client.wait(quiet.attempt_id)

    assert "limit of 8 processes" in outcome.message
    assert "processes" not in unlike.message
