import asyncio
import base64
import hashlib
import os
import signal
import sys
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from commandcenter.agents.environments import EnvironmentBuilder
from commandcenter.agents.errors import EnvironmentFailedError
from commandcenter.agents.manifest import AgentManifest
from commandcenter.agents.store import AgentStore
from commandcenter.runner.ensure import open_connection
from commandcenter.runner.paths import RunnerPaths
from commandcenter.runtimes.base import Runtime
from commandcenter.runtimes.errors import RuntimeRefusedError
from commandcenter.runtimes.registry import create_runtime
from tests.integration.agents.agent_folders import make_agent


def make_wheel(folder: Path, *, name: str = "greeting", text: str = "hello") -> None:
    """Write a wheel of one module by hand, so that no index is needed."""
    folder.mkdir()
    files = {
        f"{name}.py": f"TEXT = {text!r}\n",
        f"{name}-1.0.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{name}-1.0.dist-info/WHEEL": (
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        ),
    }
    record = "".join(
        f"{path},sha256={_digest(content)},{len(content)}\n" for path, content in files.items()
    )
    files[f"{name}-1.0.dist-info/RECORD"] = f"{record}{name}-1.0.dist-info/RECORD,,\n"
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
        for path, content in files.items():
            wheel.writestr(path, content)


def _digest(content: str) -> str:
    raw = hashlib.sha256(content.encode()).digest()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def with_requirements(folder: Path, text: str) -> Path:
    make_agent(folder)
    with (folder / "agent.yaml").open("a") as manifest:
        manifest.write("requirements: requirements.txt\n")
    (folder / "requirements.txt").write_text(text)
    return folder


def take(tmp_path: Path, folder: Path) -> tuple[AgentManifest, Path]:
    store = AgentStore(tmp_path / "agents")
    manifest, digest = store.take(folder)
    return manifest, store.verified(manifest.name, digest)


@pytest.fixture
async def fake(tmp_path: Path) -> AsyncIterator[Runtime]:
    runtime = create_runtime("fake", tmp_path / "data")
    yield runtime
    await runtime.close()


async def test_an_agent_without_requirements_needs_none(tmp_path: Path, fake: Runtime) -> None:
    manifest, directory = take(tmp_path, make_agent(tmp_path / "looker"))
    builder = EnvironmentBuilder(tmp_path / "environments")
    assert await builder.ensure_environment(manifest, directory, fake) is None
    assert not (tmp_path / "environments").exists()


async def test_an_index_cannot_be_reached_without_an_allow_list(
    tmp_path: Path, fake: Runtime
) -> None:
    manifest, directory = take(tmp_path, with_requirements(tmp_path / "looker", "requests==2.0\n"))
    builder = EnvironmentBuilder(tmp_path / "environments", ["index.example.org:443"])
    with pytest.raises(RuntimeRefusedError, match="looker") as refused:
        await builder.ensure_environment(manifest, directory, fake)
    assert "--no-index" in (refused.value.hint or "")


async def test_a_build_that_leaves_nothing_is_an_error(tmp_path: Path, fake: Runtime) -> None:
    manifest, directory = take(tmp_path, with_requirements(tmp_path / "looker", "--no-index\n"))
    builder = EnvironmentBuilder(tmp_path / "environments")
    for _ in range(2):  # and can be tried again
        with pytest.raises(EnvironmentFailedError, match="fake attempt"):
            await builder.ensure_environment(manifest, directory, fake)
    assert [path.suffix for path in (tmp_path / "environments").iterdir()] == [".lock"]


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Runtime]:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    runtime = create_runtime("sandbox", data)
    capabilities = await runtime.capabilities()
    _, writer, greeting = await open_connection(RunnerPaths(data))
    writer.close()
    try:
        if not capabilities.available:
            pytest.skip("; ".join(capabilities.problems))
        yield runtime
    finally:
        await runtime.close()
        os.kill(greeting["pid"], signal.SIGTERM)


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_wheels_beside_the_agent_are_installed_in_a_sandbox(
    tmp_path: Path, sandbox: Runtime
) -> None:
    folder = with_requirements(
        tmp_path / "looker", "--no-index\n--find-links ./wheels\ngreeting==1.0\n"
    )
    make_wheel(folder / "wheels")
    manifest, directory = take(tmp_path, folder)
    builder = EnvironmentBuilder(tmp_path / "environments")
    first, second = await asyncio.gather(
        builder.ensure_environment(manifest, directory, sandbox),
        builder.ensure_environment(manifest, directory, sandbox),
    )
    assert first is not None
    assert first == second
    assert (first / "greeting.py").read_text() == "TEXT = 'hello'\n"
    assert (first / "greeting.py").stat().st_mode & 0o777 == 0o444
    left = {path.name for path in (tmp_path / "environments").iterdir()}
    assert left == {first.name, f".{first.name}.lock"}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "import greeting; print(greeting.TEXT)",
        env={"PYTHONPATH": str(first)},
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    assert output == b"hello\n"


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_what_pip_said_reaches_the_user(tmp_path: Path, sandbox: Runtime) -> None:
    folder = with_requirements(tmp_path / "looker", "--no-index\nnot-there==1.0\n")
    manifest, directory = take(tmp_path, folder)
    builder = EnvironmentBuilder(tmp_path / "environments")
    with pytest.raises(EnvironmentFailedError, match=r"not-there==1\.0"):
        await builder.ensure_environment(manifest, directory, sandbox)
