import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from commandcenter.runtimes.registry import create_runtime
from tests.conformance.runtimes.harness import UnderTest, end_runner


@pytest.fixture(scope="session")
def shared_data() -> Iterator[Path]:
    """One data directory (and so one runner) for the tests that do not harm it."""
    path = Path(tempfile.mkdtemp(prefix="cc-conformance-"))
    yield path
    import asyncio  # noqa: PLC0415 - a loop of its own, after all tests

    from commandcenter.runner.paths import RunnerPaths  # noqa: PLC0415

    asyncio.run(end_runner(RunnerPaths(path)))
    shutil.rmtree(path, ignore_errors=True)


async def _open(name: str, data: Path) -> UnderTest:
    runtime = create_runtime(name, data)
    capabilities = await runtime.capabilities()
    if not capabilities.available:
        await runtime.close()
        pytest.skip(f"the runtime {name} is not available: {'; '.join(capabilities.problems)}")
    return UnderTest(name, data, runtime, capabilities, [runtime])


@pytest.fixture(params=["fake", "sandbox", "docker"])
async def under(request: pytest.FixtureRequest, shared_data: Path) -> AsyncIterator[UnderTest]:
    if request.param == "docker":
        request.getfixturevalue("docker_host")
    found = await _open(request.param, shared_data)
    yield found
    for runtime in found.opened:
        await runtime.close()


@pytest.fixture
async def own(tmp_path: Path) -> AsyncIterator[UnderTest]:
    """The sandbox with a runner of the test's own, to be killed."""
    found = await _open("sandbox", tmp_path)
    yield found
    for runtime in found.opened:
        await runtime.close()
    await end_runner(found.paths)


@pytest.fixture
def runs_services(request: pytest.FixtureRequest) -> None:
    """Skip the test where the runtime has no services."""
    if "under" in request.fixturenames:
        under: UnderTest = request.getfixturevalue("under")
        if not under.capabilities.services:
            pytest.skip(f"the runtime {under.name} runs no services here")
