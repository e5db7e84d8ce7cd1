"""Hub and engine are killed and started again while attempts run."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from commandcenter.runtimes.docker.runtime import DockerRuntime
from commandcenter.runtimes.errors import RuntimeAwayError
from commandcenter.runtimes.results import FailureReason
from commandcenter.runtimes.spec import Volume
from tests.conformance.runtimes.harness import job, service
from tests.docker_engine import DockerEngine, own_engine, why_not

_COUNT = (
    "n=1; while test $n -le 4000; do echo $n secret-$TOKEN; test $((n % 40)) = 0 && sleep 0.01; "
    "n=$((n + 1)); done; echo '{}' > /out/output.json"
)


async def test_another_hub_takes_the_log_over_without_gap_or_double(
    data: Path, docker_host: str
) -> None:
    """Eight hubs in turn, each gone in the middle, some of them before they wrote their cursor."""
    spec = job(_COUNT, secret_environment={"TOKEN": "hush-hush-hush"})
    runtime = DockerRuntime(data)
    handle = await runtime.start(spec)
    seen = 0
    for turn in range(8):
        async with asyncio.timeout(30):
            async for line in runtime.logs(handle, after=seen, follow=True):
                seen = line.number
                if seen >= 300 * (turn + 1):
                    break
        if turn % 2:
            await abandon(runtime)
        else:
            await runtime.close()
        runtime = DockerRuntime(data)
    assert await runtime.recover(handle)
    result = await runtime.wait(handle)
    assert (result.reason, result.output) == (None, b"{}\n")
    texts = [line.text async for line in runtime.logs(handle)]
    assert texts == [f"{n} secret-[redacted]" for n in range(1, 4001)]
    await runtime.remove(handle)
    await runtime.close()


async def abandon(runtime: DockerRuntime) -> None:
    """As a kill leaves it: nothing is written any more, but what was held is free."""
    held = runtime._held
    assert held is not None
    for keeper in list(held.attempts._keepers.values()):
        keeper._follower.leave = lambda: None  # type: ignore[method-assign]
    await runtime.close()


async def test_the_time_limit_counts_from_the_start_of_the_program(
    data: Path, docker_host: str
) -> None:
    runtime = DockerRuntime(data)
    handle = await runtime.start(job("sleep 60", timeout_seconds=1.0, grace_seconds=0.5))
    await runtime.close()
    await asyncio.sleep(0)
    other = DockerRuntime(data)
    async with asyncio.timeout(20):
        assert (await other.wait(handle)).reason is FailureReason.TIMEOUT
    await other.close()


@pytest.mark.parametrize("is_known", [True, False])
async def test_what_was_created_and_never_started_is_begun_anew(
    data: Path, docker_host: str, monkeypatch: pytest.MonkeyPatch, *, is_known: bool
) -> None:
    """A hub killed between the engine's two calls leaves a container that never ran."""
    if is_known:
        monkeypatch.setattr("commandcenter.runtimes.docker.starter.forget", lambda *_: None)
    runtime = DockerRuntime(data)
    spec = job("echo ran")
    held = await runtime._open()
    real = held.parts.containers.start

    async def die(name: str) -> None:
        raise asyncio.CancelledError

    held.parts.containers.start = die  # type: ignore[method-assign]
    held.parts.containers.discard = _nothing  # type: ignore[method-assign]
    with contextlib.suppress(asyncio.CancelledError):
        await runtime.start(spec)
    held.parts.containers.start = real  # type: ignore[method-assign]
    monkeypatch.undo()
    monkeypatch.setenv("DOCKER_HOST", docker_host)
    await runtime.close()
    other = DockerRuntime(data)
    handle = await other.start(spec)
    assert (await other.wait(handle)).exit_code == 0
    assert [line.text async for line in other.logs(handle)] == ["ran"]
    await other.close()


async def _nothing(attempt_id: str) -> None:
    """A killed hub clears nothing away."""


@pytest.fixture
async def engine(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[DockerEngine]:
    if reason := why_not():
        pytest.skip(reason)
    with own_engine() as engine:
        monkeypatch.setenv("DOCKER_HOST", engine.url)
        yield engine


async def test_an_engine_that_restarts_ends_its_services_and_keeps_their_data(
    engine: DockerEngine, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    runtime = DockerRuntime(data)
    volume = Volume(data / "volumes" / "shop" / "files", "/data")
    shell = "echo line >> /data/file; cat /data/file; echo up; sleep 60"
    details = {"volumes": (volume,)}
    first = await runtime.start(service(shell, network="shop", details=details))
    async for line in runtime.logs(first, follow=True):
        if line.text == "up":
            break
    waiting = asyncio.create_task(runtime.wait(first))
    await asyncio.to_thread(engine.stop)
    with pytest.raises(RuntimeAwayError):
        await runtime.start(service(shell, network="shop", name="two", details=details))
    await asyncio.to_thread(engine.start)
    async with asyncio.timeout(30):
        result = await waiting
    assert result.reason is FailureReason.LOST
    assert "engine" in result.message
    texts = [line.text async for line in runtime.logs(first, follow=True)]
    assert texts[:2] == ["line", "up"]
    again = await runtime.start(service(shell, network="shop", details=details))
    found = []
    async for line in runtime.logs(again, follow=True):
        found.append(line.text)
        if line.text == "up":
            break
    assert found == ["line", "line", "up"]
    await runtime.stop(again, grace_seconds=0.0)
    await runtime.close()


async def test_without_the_values_to_hide_nothing_more_is_shown(
    data: Path, docker_host: str
) -> None:
    """After a restart of the machine what was kept in memory is gone."""
    runtime = DockerRuntime(data)
    spec = job(
        "echo first; sleep 1; echo $TOKEN; echo $TOKEN > /out/output.json",
        secret_environment={"TOKEN": "hush-hush-hush"},
    )
    handle = await runtime.start(spec)
    async for line in runtime.logs(handle, follow=True):
        assert line.text == "first"
        break
    held = await runtime._open()
    hiding = held.parts.hiding
    await runtime.close()
    hiding.remove(spec.attempt_id)
    other = DockerRuntime(data)
    result = await other.wait(handle)
    assert (result.reason, result.output) == (FailureReason.SYSTEM_ERROR, None)
    texts = [line.text async for line in other.logs(handle)]
    assert any("withheld" in text for text in texts)
    for path in data.rglob("*"):
        assert not path.is_file() or b"hush-hush" not in path.read_bytes()
    await other.remove(handle)
    await other.close()
