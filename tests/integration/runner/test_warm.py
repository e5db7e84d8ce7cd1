"""A warm sandbox must not be told from a cold one by the job it runs, and runs only one."""

import asyncio
from pathlib import Path

import pytest

from commandcenter.kit.segment_reader import SegmentReader
from commandcenter.runner.client import RunnerClient
from commandcenter.runner.request import JobRequest, Outcome
from tests.integration.runner.conftest import Place

Ran = tuple[Outcome, bytes | None, list[str]]


@pytest.fixture
def agent(tmp_path: Path) -> Path:
    path = tmp_path / "agent"
    path.mkdir()
    return path


async def warmed(client: RunnerClient) -> None:
    async with asyncio.timeout(20):
        while not (await client.status())["warm"]:
            await asyncio.sleep(0.02)


async def run(
    place: Place, client: RunnerClient, request: JobRequest
) -> tuple[Outcome, bytes | None, list[str]]:
    await client.start(request)
    outcome, output = await client.wait(request.attempt_id)
    reader = SegmentReader(place.paths.log(request.attempt_id))
    lines = [f"{record.stream}: {record.text}" for record in reader.after()]
    return outcome, output, lines


async def both(place: Place, agent: Path, source: str, **fields: object) -> list[Ran]:
    """The same program cold and warm."""
    (agent / "main.py").write_text(source)
    client = place.client()
    common = {"agent_directory": str(agent), "input_json": b'{"n": 7}', **fields}
    cold = await run(place, client, place.request("python", "main.py", **common))
    await run(place, client, place.request("python", "main.py", warm=True, **common))
    await warmed(client)
    warm = await run(place, client, place.request("python", "main.py", warm=True, **common))
    assert warm[0].memory_peak_bytes >= 0
    return [cold, warm]


PROGRAMS = {
    "success": "print('hi')",
    "output": (
        "import json; json.dump(json.load(open('/in/input.json')), open('/out/output.json', 'w'))"
    ),
    "exit code": "import sys; sys.exit(75)",
    "exit with words": "import sys; sys.exit('because')",
    "exit without a code": "raise SystemExit",
    "large exit code": "import sys; sys.exit(256 + 3)",
    "error": "def f():\n    raise ValueError('wrong')\nf()",
    "error with the name of a file": "open('/agent/none.txt')",
    "syntax error": "print('a'\n",
    "where it is": (
        "import os, sys; print(__name__, __file__, sys.argv, os.getcwd(), sys.path[0])"
    ),
    "its environment": (
        "import os; print(sorted((k, v) for k, v in os.environ.items() if k != 'PWD'))"
    ),
    "its input is not changed": "import os; print(oct(os.stat('/in/input.json').st_mode))",
    "standard input": (
        "import sys, os; print(repr(sys.stdin.read()), os.readlink('/proc/self/fd/0'))"
    ),
    "descriptors": "import os; print(sorted(os.listdir('/proc/self/fd'))[:3])",
    "module beside it": "import beside; print(beside.VALUE)",
    "exit functions": "import atexit; atexit.register(print, 'last words')",
    "threads": (
        "import threading, time\n"
        "threading.Thread(target=lambda: (time.sleep(.2), print('done'))).start()"
    ),
    "pickle": (
        "import pickle\nclass A: pass\nprint(type(pickle.loads(pickle.dumps(A()))).__module__)"
    ),
    "secrets": (
        "import os; print(oct(os.stat('/run/secrets/token').st_mode), "
        "open('/run/secrets/token').read() == os.environ['MASTER'])"
    ),
    "child process": (
        "import subprocess, sys; print(subprocess.check_output([sys.executable, '-c', 'print(1)']))"
    ),
    "killed": "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
    "output that is never closed": (
        "import io, json\n"
        "text = open('/out/output.json', 'w')\n"
        "text.write('{\"n\": 1}')\n"
        "kept = [open('/out/artifacts/a', 'wb')]; kept[0].write(b'data')"
    ),
    "finalizers": (
        "class A:\n    def __del__(self): print('gone', flush=True)\n"
        "a = A()\ndef main():\n    global b; b = [A()]; b.append(b)\nmain()"
    ),
    "output without an end of line": "import sys; sys.stdout.write('half')",
}


@pytest.mark.parametrize("name", PROGRAMS)
async def test_warm_is_as_cold(place: Place, agent: Path, name: str) -> None:
    (agent / "beside.py").write_text("VALUE = 5\n")
    cold, warm = await both(
        place,
        agent,
        PROGRAMS[name],
        environment={"GREETING": "hello"},
        secret_files={"token": "secret-value"},
        secret_environment={"MASTER": "secret-value"},
    )
    assert warm[2] == cold[2]
    assert warm[1] == cold[1]
    assert (warm[0].exit_code, warm[0].reason) == (cold[0].exit_code, cold[0].reason)


async def test_a_warm_job_is_quick_because_it_was_prepared(place: Place, agent: Path) -> None:
    """Not a measurement: the sandbox's processes exist before the job does."""
    (agent / "main.py").write_text(
        "import time\n"
        "age = float(open('/proc/uptime').read().split()[0])"
        " - int(open('/proc/self/stat').read().rpartition(')')[2].split()[19]) / 100\n"
        "print(age > 0.3)\n"
    )
    client = place.client()
    fields = {"agent_directory": str(agent), "warm": True}
    await run(place, client, place.request("python", "main.py", **fields))
    await warmed(client)
    await asyncio.sleep(0.4)
    _, _, lines = await run(place, client, place.request("python", "main.py", **fields))
    assert lines == ["stdout: True"]


async def test_nothing_is_shared_between_two_jobs(place: Place, agent: Path) -> None:
    (agent / "main.py").write_text(
        "import os, builtins\n"
        "print(os.path.exists('/tmp/x'), os.path.exists('/out/x'), hasattr(builtins, 'mark'))\n"
        "builtins.mark = 1\n"
        "open('/tmp/x', 'w'); open('/out/x', 'w'); open('/home/agent/x', 'w')\n"
    )
    client = place.client()
    for _ in range(4):
        request = place.request("python", "main.py", agent_directory=str(agent), warm=True)
        _, _, lines = await run(place, client, request)
        assert lines == ["stdout: False False False"]
        await warmed(client)


async def test_a_changed_program_is_what_runs(place: Place, agent: Path) -> None:
    client = place.client()
    for number in range(4):
        (agent / "main.py").write_text(f"import beside; print({number}, beside.VALUE)")
        (agent / "beside.py").write_text(f"VALUE = {number}")
        request = place.request("python", "main.py", agent_directory=str(agent), warm=True)
        _, _, lines = await run(place, client, request)
        assert lines == [f"stdout: {number} {number}"]
        await warmed(client)


async def test_a_replaced_folder_is_what_is_mounted(place: Place, agent: Path) -> None:
    client = place.client()
    for number in range(3):
        if agent.exists():
            agent.rename(agent.with_name(f"old-{number}"))
        agent.mkdir()
        (agent / "main.py").write_text(f"print({number})")
        request = place.request("python", "main.py", agent_directory=str(agent), warm=True)
        _, _, lines = await run(place, client, request)
        assert lines == [f"stdout: {number}"]
        await warmed(client)


async def test_other_limits_get_another_sandbox(place: Place, agent: Path) -> None:
    (agent / "main.py").write_text("print('x')")
    client = place.client()
    fields = {"agent_directory": str(agent), "warm": True}
    await run(place, client, place.request("python", "main.py", **fields))
    await warmed(client)
    other = place.request("python", "main.py", **fields)
    smaller = type(other.limits)(1.0, 64 * 1024**2, 16, 1024**2, 1024**2)
    request = place.request("python", "main.py", limits=smaller, **fields)
    await run(place, client, request)
    use = await client.use(request.attempt_id)
    assert use is not None
    if use.actual_memory_bytes is not None:
        assert use.actual_memory_bytes == 64 * 1024**2
    assert use.actual_pids == 16


async def test_a_large_input_reaches_a_warm_job(place: Place, agent: Path) -> None:
    (agent / "main.py").write_text("import os; print(os.stat('/in/input.json').st_size)")
    client = place.client()
    fields = {"agent_directory": str(agent), "warm": True, "input_json": b" " * 5_000_000}
    await run(place, client, place.request("python", "main.py", **fields))
    await warmed(client)
    _, _, lines = await run(place, client, place.request("python", "main.py", **fields))
    assert lines == ["stdout: 5000000"]


async def test_time_and_cancel_hold_for_a_warm_job(place: Place, agent: Path) -> None:
    (agent / "main.py").write_text("import time; print('up', flush=True); time.sleep(60)")
    client = place.client()
    fields = {"agent_directory": str(agent), "warm": True}
    await run(place, client, place.request("python", "main.py", timeout_seconds=0.2, **fields))
    await warmed(client)
    late = place.request("python", "main.py", timeout_seconds=0.5, **fields)
    assert (await run(place, client, late))[0].reason == "timeout"
    await warmed(client)
    stopped = place.request("python", "main.py", **fields)
    await client.start(stopped)
    await client.stop(stopped.attempt_id, 1.0)
    assert (await client.wait(stopped.attempt_id))[0].reason == "cancelled"
