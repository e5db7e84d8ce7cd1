"""The hub's own data never shows in a sandbox, even where a mount lies around it."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from commandcenter.runner.errors import BadRequestError
from commandcenter.runtimes.sandbox.doctor import can_isolate
from commandcenter.runtimes.sandbox.runtime import SandboxRuntime
from commandcenter.runtimes.spec import (
    AttemptKind,
    AttemptSpec,
    Limits,
    ServiceSpec,
    Volume,
    Workspace,
    WorkspaceAccess,
)
from tests.security.sandbox.drive import end_runner

pytestmark = pytest.mark.skipif(not can_isolate(), reason="this machine cannot isolate")


@pytest.fixture
async def runtime(tmp_path: Path) -> AsyncIterator[SandboxRuntime]:
    made = SandboxRuntime(tmp_path / "project" / "deep" / "data")
    yield made
    await made.close()
    end_runner(tmp_path / "project" / "deep" / "data")


def spec(folder: Path, access: WorkspaceAccess) -> AttemptSpec:
    return AttemptSpec(
        attempt_id=f"data-{access.value}",
        kind=AttemptKind.JOB,
        command=("sh", "-c", "cd /workspace; ls -A deep/data; touch deep/data/x; ls"),
        agent_directory=None,
        input_json=b"{}",
        workspace=Workspace(folder, access),
        limits=Limits(),
        timeout_seconds=30.0,
    )


@pytest.mark.parametrize("access", [WorkspaceAccess.READ, WorkspaceAccess.WRITE])
async def test_it_is_covered_inside_a_workspace_around_it(
    runtime: SandboxRuntime, tmp_path: Path, access: WorkspaceAccess
) -> None:
    await runtime.capabilities()  # the runner's socket and directories are there
    handle = await runtime.start(spec(tmp_path / "project", access))
    assert (await runtime.wait(handle)).exit_code == 0
    lines = [line.text async for line in runtime.logs(handle, follow=True)]
    assert [line for line in lines if "touch" not in line] == ["deep"]
    assert not (tmp_path / "project/deep/data/x").exists()


async def test_it_cannot_be_the_workspace(runtime: SandboxRuntime, tmp_path: Path) -> None:
    await runtime.capabilities()
    with pytest.raises(BadRequestError, match="data directory"):
        await runtime.start(spec(tmp_path / "project/deep/data", WorkspaceAccess.READ))


async def test_it_is_covered_in_a_part_of_the_folder_that_a_service_mounts(
    runtime: SandboxRuntime, tmp_path: Path
) -> None:
    await runtime.capabilities()
    service = ServiceSpec(
        network="around",
        names=("one",),
        volumes=(Volume(tmp_path / "project" / "deep", "/app", writable=False),),
    )
    base = spec(tmp_path / "project", WorkspaceAccess.READ)
    command = ("sh", "-c", "ls -A /app/data /workspace/deep/data; ls /app")
    handle = await runtime.start(
        replace(base, kind=AttemptKind.SERVICE, service=service, command=command)
    )
    assert (await runtime.wait(handle)).exit_code == 0
    lines = [line.text async for line in runtime.logs(handle, follow=True)]
    assert lines == ["/app/data:", "", "/workspace/deep/data:", "data"]
