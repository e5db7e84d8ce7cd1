"""Start, end, output, input, environment, secrets and logs of an attempt."""

import asyncio
import json
from pathlib import Path

import pytest

from commandcenter.runtimes.base import Handle
from commandcenter.runtimes.errors import RuntimeRefusedError
from commandcenter.runtimes.results import FailureReason, Stream
from commandcenter.runtimes.spec import NetworkPolicy, Workspace, WorkspaceAccess
from tests.conformance.runtimes.harness import LIMITS, UnderTest, job, python


async def test_success_has_no_reason(under: UnderTest) -> None:
    result = await under.run(job("exit 0", fake={"exit_code": "0"}))
    assert (result.exit_code, result.reason, result.message) == (0, None, "")
    assert result.started_at <= result.finished_at


@pytest.mark.parametrize("code", [1, 75, 137])
async def test_exit_code_is_reported(under: UnderTest, code: int) -> None:
    result = await under.run(job(f"exit {code}", fake={"exit_code": str(code)}))
    assert result.exit_code == code
    assert result.reason is FailureReason.EXIT_CODE
    assert str(code) in result.message


async def test_a_program_that_is_not_there_fails_with_its_name(under: UnderTest) -> None:
    under.need(isolation=True)
    handle = await under.runtime.start(job(command=("no-such-program",)))
    result = await under.runtime.wait(handle)
    assert result.reason is FailureReason.EXIT_CODE
    assert "no-such-program" in await under.text(handle)


async def test_start_is_idempotent_by_attempt_id(under: UnderTest) -> None:
    spec = job("echo once", fake={"stdout": "once\n"})
    handles = await asyncio.gather(*(under.runtime.start(spec) for _ in range(5)))
    assert all(handle == handles[0] for handle in handles)
    await under.runtime.wait(handles[0])
    again = await under.runtime.start(spec)
    assert again == handles[0]
    assert [line.text for line in await under.lines(again)] == ["once"]


async def test_output_is_the_document_and_artifacts_are_files(under: UnderTest) -> None:
    spec = job(
        "printf hello > /out/artifacts/a.txt; printf '{\"n\": 1}' > /out/output.json",
        fake={"output": '{"n": 1}', "artifacts": json.dumps({"a.txt": "hello"})},
    )
    result = await under.run(spec)
    assert result.output is not None
    assert json.loads(result.output) == {"n": 1}
    assert result.artifacts_directory is not None
    assert (result.artifacts_directory / "a.txt").read_text() == "hello"


async def test_output_of_a_failed_attempt_is_kept(under: UnderTest) -> None:
    spec = job("printf '[]' > /out/output.json; exit 3", fake={"output": "[]", "exit_code": "3"})
    result = await under.run(spec)
    assert (result.exit_code, result.output) == (3, b"[]")


async def test_no_output_is_none(under: UnderTest) -> None:
    under.need(isolation=True)
    result = await under.run(job("true"))
    assert (result.output, result.artifacts_directory) == (None, None)


async def test_input_reaches_the_program(under: UnderTest) -> None:
    document = json.dumps({"text": "Grüße" * 1000}).encode()
    spec = job(
        "cat /in/input.json > /out/output.json", fake={"echo_input": "1"}, input_json=document
    )
    assert (await under.run(spec)).output == document


async def test_large_input_reaches_the_program(under: UnderTest) -> None:
    document = json.dumps("x" * (3 * 1024**2)).encode()
    spec = job(
        "cat /in/input.json > /out/output.json", fake={"echo_input": "1"}, input_json=document
    )
    assert (await under.run(spec)).output == document


async def test_environment_is_clean_but_for_what_was_asked(
    under: UnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    under.need(isolation=True)
    monkeypatch.setenv("HUB_CANARY", "must-not-be-seen")
    handle = await under.runtime.start(job("env", environment={"GREETING": "good morning"}))
    await under.runtime.wait(handle)
    text = await under.text(handle)
    assert "GREETING=good morning" in text
    assert "CANARY" not in text
    assert "HOME=/home/agent" in text


async def test_secrets_reach_the_program_but_no_log_output_or_argv(under: UnderTest) -> None:
    secret, other = "correct-horse-battery", "staple-and-then-some"
    spec = job(
        "cat /run/secrets/token; echo; stat -c %a /run/secrets/token; echo $OTHER; echo $OTHER >&2;"
        'printf "%s" "$OTHER" | base64; printf \'{"s": "%s"}\' $OTHER > /out/output.json;'
        "cp /run/secrets/token /out/artifacts/copy; sleep 0.3",
        fake={
            "stdout": f"{secret}\n400\n{other}\n",
            "output": json.dumps({"s": other}),
            "artifacts": json.dumps({"copy": secret}),
        },
        secret_files={"token": secret},
        secret_environment={"OTHER": other},
    )
    handle = await under.runtime.start(spec)
    command_lines = _all_command_lines()
    result = await under.runtime.wait(handle)
    text = await under.text(handle)
    assert "400" in text
    assert "[redacted]" in text
    assert result.output is not None
    assert result.artifacts_directory is not None
    copy = (result.artifacts_directory / "copy").read_text()
    for value in (secret, other):
        assert value not in text
        assert value not in copy
        assert value.encode() not in result.output
        assert value not in command_lines
        assert value not in repr(handle)
    assert "c3RhcGxlLWFuZC10aGVuLXNvbW" not in text
    stored = [path for path in under.data.rglob("*") if path.is_file()]
    assert stored
    for path in stored:
        content = path.read_bytes()
        assert secret.encode() not in content, path
        assert other.encode() not in content, path


def _all_command_lines() -> str:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found.append((entry / "cmdline").read_bytes().decode("utf-8", "replace"))
            except OSError:
                continue
    return "\n".join(found)


async def test_streams_are_told_apart_and_numbered(under: UnderTest) -> None:
    spec = job("echo out; echo err >&2", fake={"stdout": "out\n", "stderr": "err\n"})
    handle = await under.runtime.start(spec)
    lines = await under.lines(handle)
    assert {(line.stream, line.text) for line in lines} == {
        (Stream.STDOUT, "out"),
        (Stream.STDERR, "err"),
    }
    assert [line.number for line in lines] == [1, 2]


async def test_logs_after_a_number(under: UnderTest) -> None:
    spec = job("seq 10", fake={"stdout": "".join(f"{n}\n" for n in range(1, 11))})
    handle = await under.runtime.start(spec)
    await under.runtime.wait(handle)
    lines = [line async for line in under.runtime.logs(handle, after=7)]
    assert [line.text for line in lines] == ["8", "9", "10"]


async def test_following_sees_lines_before_the_end(under: UnderTest) -> None:
    spec = job("echo first; sleep 60", fake={"stdout": "first\n", "seconds": "60"})
    handle = await under.runtime.start(spec)
    async with asyncio.timeout(20):
        async for line in under.runtime.logs(handle, follow=True):
            assert line.text == "first"
            await under.runtime.stop(handle, grace_seconds=0.0)
            break


async def test_the_log_stays_after_remove(under: UnderTest) -> None:
    handle = await under.runtime.start(job("echo kept", fake={"stdout": "kept\n"}))
    result = await under.runtime.wait(handle)
    await under.runtime.remove(handle)
    await under.runtime.remove(handle)
    assert await under.text(handle) == "kept"
    assert not await under.runtime.recover(handle)
    assert result.artifacts_directory is None or not result.artifacts_directory.exists()


async def test_an_unknown_attempt_is_lost(under: UnderTest) -> None:
    handle = Handle(runtime=under.name, attempt_id="never-started")
    assert not await under.runtime.recover(handle)
    assert (await under.runtime.wait(handle)).reason is FailureReason.LOST
    await under.runtime.stop(handle, grace_seconds=0.0)
    await under.runtime.remove(handle)


async def test_a_network_that_cannot_be_bounded_is_refused(under: UnderTest) -> None:
    if under.capabilities.network_allow_list:
        pytest.skip(f"the runtime {under.name} enforces allow-lists")
    spec = job("true", network=NetworkPolicy(allow=("example.org:443",)))
    with pytest.raises(RuntimeRefusedError) as caught:
        await under.runtime.start(spec)
    assert caught.value.hint
    assert not await under.runtime.recover(Handle(under.name, spec.attempt_id))


async def test_the_workspace_is_read_only_or_writable_as_asked(
    under: UnderTest, tmp_path: Path
) -> None:
    under.need(isolation=True)
    folder = tmp_path / "project"
    folder.mkdir(mode=0o700)
    (folder / "private.txt").write_text("mine")
    (folder / "private.txt").chmod(0o600)
    read = Workspace(folder, WorkspaceAccess.READ)
    result = await under.run(
        job("cat /workspace/private.txt && touch /workspace/x", workspace=read)
    )
    assert result.exit_code == 1
    assert not (folder / "x").exists()
    write = Workspace(folder, WorkspaceAccess.WRITE)
    result = await under.run(
        job("echo more >> /workspace/private.txt && echo new > /workspace/made", workspace=write)
    )
    assert result.exit_code == 0
    assert (folder / "private.txt").read_text() == "minemore\n"
    assert (folder / "made").stat().st_uid == folder.stat().st_uid
    none = Workspace(folder, WorkspaceAccess.NONE)
    assert (await under.run(job("test -e /workspace", workspace=none))).exit_code == 1


async def test_python_is_the_hubs_own_with_its_packages(under: UnderTest, tmp_path: Path) -> None:
    under.need(isolation=True)
    extra = tmp_path / "extra"
    extra.mkdir()
    (extra / "extra_module.py").write_text("VALUE = 42\n")
    spec = python(
        "import extra_module, pydantic, sys; print(sys.version_info[:2], extra_module.VALUE)",
        python_path=(extra,),
    )
    handle = await under.runtime.start(spec)
    assert (await under.runtime.wait(handle)).exit_code == 0, await under.text(handle)
    assert "42" in await under.text(handle)


async def test_twenty_at_once(under: UnderTest) -> None:
    specs = [
        job(f"echo {n}; exit {n}", fake={"stdout": f"{n}\n", "exit_code": str(n)})
        for n in range(20)
    ]
    results = await asyncio.gather(*(under.run(spec) for spec in specs))
    assert [result.exit_code for result in results] == list(range(20))


async def test_stats_show_the_limits_in_force(under: UnderTest) -> None:
    under.need(limit="pids")
    handle = await under.runtime.start(job("sleep 60", fake={"seconds": "60"}))
    stats = await under.runtime.stats(handle)
    assert stats.requested == LIMITS
    if "memory" in under.capabilities.limits:
        assert stats.actual_memory_bytes == LIMITS.memory_bytes
    if "cpu" in under.capabilities.limits:
        assert stats.actual_cpu == LIMITS.cpu
    assert stats.actual_pids == LIMITS.pids
    assert stats.memory_bytes > 0
    await under.runtime.stop(handle, grace_seconds=0.0)
    after = await under.runtime.stats(handle)
    assert after.requested == LIMITS
    assert after.actual_pids == LIMITS.pids
