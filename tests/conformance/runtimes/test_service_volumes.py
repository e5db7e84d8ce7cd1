"""What may be mounted into a service."""

import os
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from commandcenter.kit.errors import ProblemError
from commandcenter.runtimes.spec import (
    AttemptSpec,
    Volume,
    Workspace,
    WorkspaceAccess,
)
from tests.conformance.runtimes.harness import (
    UnderTest,
    service,
)

pytestmark = pytest.mark.usefixtures("runs_services")


async def test_only_volumes_and_the_projects_folder_can_be_mounted(
    under: UnderTest, tmp_path: Path
) -> None:
    under.need(isolation=True)
    project = tmp_path / "project"
    (project / "backend").mkdir(parents=True)
    (project / "backend" / "app.txt").write_text("from the project\n")
    (project / "out").symlink_to("/etc")
    (tmp_path / "beside").mkdir()
    volumes = under.data / "volumes"

    def mounting(volume: Volume, access: WorkspaceAccess = WorkspaceAccess.READ) -> AttemptSpec:
        workspace = Workspace(project, access)
        shell = "cat /app/app.txt; touch /app/new; echo done"
        return service(shell, workspace=workspace, details={"volumes": (volume,)})

    handle = await under.runtime.start(
        mounting(Volume(project / "backend", "/app", writable=False))
    )
    texts = [line.text for line in await under.lines(handle)]
    assert "from the project" in texts
    assert not (project / "backend" / "new").exists()
    writable = mounting(Volume(project / "backend", "/app"), WorkspaceAccess.WRITE)
    await under.run(writable)
    assert (project / "backend" / "new").stat().st_uid == os.geteuid()
    refused = [
        Volume(project / "backend", "/app"),  # writable, in a folder that may only be read
        Volume(project / "out", "/app", writable=False),
        Volume(project / "missing", "/app", writable=False),
        Volume(tmp_path / "beside", "/app", writable=False),
        Volume(Path("/etc"), "/app", writable=False),
        Volume(Path("/"), "/app", writable=False),
        Volume(under.data, "/app"),
        Volume(under.data / "runner", "/app"),
        Volume(volumes, "/app"),
        Volume(volumes / "project", "/app"),
        Volume(volumes / "project" / "one" / "two", "/app"),
        Volume(volumes / "project" / ".." / ".." / "runner", "/app"),
        Volume(volumes / "project" / "one", "/etc/passwd"),
        Volume(volumes / "project" / "one", "/proc"),
        Volume(volumes / "project" / "one", "/app/../usr"),
        Volume(volumes / "project" / "one", "/workspace/out/x"),
    ]
    for volume in refused:
        with pytest.raises(ProblemError):
            await under.runtime.start(mounting(volume))
    assert not (volumes / "project").exists()


async def test_a_folder_exchanged_while_it_is_mounted_shows_nothing_else(
    own: UnderTest, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    part, aside = project / "part", project / "aside"
    part.mkdir(parents=True)
    beside = tmp_path / "beside"
    beside.mkdir()
    (beside / "canary").write_text("the host's\n")
    over = threading.Event()

    def exchange() -> None:
        while not over.wait(0.006):  # so that a start falls now before, now into the exchange
            part.rename(aside)
            part.symlink_to(beside)
            over.wait(0.003)
            part.unlink()
            aside.rename(part)

    thread = threading.Thread(target=exchange)
    thread.start()
    started = []
    try:
        for _ in range(80):
            spec = service(
                "cat /app/canary; echo end",
                workspace=Workspace(project, WorkspaceAccess.READ),
                details={"volumes": (Volume(part, "/app", writable=False),)},
            )
            with suppress(ProblemError):
                started.append(await own.runtime.start(spec))
    finally:
        over.set()
        thread.join()
    assert started
    for handle in started:
        assert "the host's" not in await own.text(handle)
