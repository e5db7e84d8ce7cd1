"""Commands run in a service, as health checks are."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from commandcenter.runtimes.errors import NotRunningError
from tests.conformance.runtimes.harness import (
    UnderTest,
    descendants,
    eventually,
    service,
)
from tests.conformance.runtimes.serving import up

pytestmark = pytest.mark.usefixtures("runs_services")


def command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


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
