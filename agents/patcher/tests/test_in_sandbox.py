"""The patcher where it really runs: in the sandbox, with the limits of its manifest."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from agents.patcher.tests.repo import AGENT, Repo
from agents.patcher.tests.test_refusals import EDIT, new_file
from commandcenter.agents.manifest import load_manifest
from commandcenter.runtimes.results import AttemptResult
from commandcenter.runtimes.sandbox.doctor import can_isolate
from commandcenter.runtimes.sandbox.runtime import SandboxRuntime
from commandcenter.runtimes.spec import AttemptKind, AttemptSpec, Workspace, WorkspaceAccess
from tests.security.sandbox.drive import end_runner

pytestmark = pytest.mark.skipif(not can_isolate(), reason="this machine cannot isolate")


class Box:
    def __init__(self, runtime: SandboxRuntime, repo: Repo) -> None:
        self.runtime = runtime
        self.repo = repo
        self.count = 0

    def spec(self, access: WorkspaceAccess, inputs: dict[str, Any]) -> AttemptSpec:
        manifest = load_manifest(AGENT)
        self.count += 1
        return AttemptSpec(
            attempt_id=f"patcher-{self.count}",
            kind=AttemptKind.JOB,
            command=manifest.command,
            agent_directory=AGENT,
            input_json=json.dumps({"repositoryPath": "/workspace", **inputs}).encode(),
            workspace=Workspace(self.repo.path, access),
            limits=manifest.runtime_limits(),
            timeout_seconds=manifest.timeout_seconds,
            grace_seconds=manifest.grace_seconds,
            python_path=(AGENT.parent / "sdk",),
        )

    async def run(
        self, access: WorkspaceAccess = WorkspaceAccess.WRITE, **inputs: Any
    ) -> tuple[AttemptResult, dict[str, Any]]:
        handle = await self.runtime.start(self.spec(access, inputs))
        result = await self.runtime.wait(handle)
        log = [line.text async for line in self.runtime.logs(handle, follow=True)]
        assert result.output is not None, (result, log)
        output = json.loads(result.output)
        assert isinstance(output, dict)
        return result, output


@pytest.fixture
async def box(tmp_path: Path, repo: Repo) -> AsyncIterator[Box]:
    runtime = SandboxRuntime(tmp_path / "data")
    yield Box(runtime, repo)
    await runtime.close()
    end_runner(tmp_path / "data")


async def test_apply_and_restore(box: Box) -> None:
    repo, base = box.repo, box.repo.tip()
    result, output = await box.run(patchContent=EDIT + new_file("n/new"))
    assert (result.exit_code, output["reason"]) == (0, ""), output
    assert (repo.path / "a.txt").read_text().startswith("line 1\ntwo\n")
    assert (repo.path / "n/new").read_text() == "x"
    assert repo.status() == ""
    repo.assert_tidy()
    result, output = await box.run(patchContent=EDIT + new_file("n/new"))
    assert (result.exit_code, output["reason"]) == (0, "already_applied")
    result, output = await box.run(restore=output["backupPath"])
    assert (result.exit_code, output["applied"]) == (0, True), output
    assert (repo.tip(), repo.status()) == (base, "")
    repo.assert_tidy()


async def test_refusal_keeps_its_output(box: Box) -> None:
    tip = box.repo.tip()
    result, output = await box.run(patchContent=new_file("l", "/etc/passwd", "120000"))
    assert (result.exit_code, output["reason"]) == (1, "refused")
    box.repo.assert_untouched(tip)


async def test_dry_run_needs_no_writing(box: Box) -> None:
    tip = box.repo.tip()
    result, output = await box.run(WorkspaceAccess.READ, patchContent=EDIT, dryRun=True)
    assert (result.exit_code, output["reason"]) == (0, "dry_run"), output
    box.repo.assert_untouched(tip)
    result, output = await box.run(WorkspaceAccess.READ, patchContent=EDIT)
    assert (result.exit_code, output["reason"]) == (1, "not_writable"), output
    box.repo.assert_untouched(tip)


@pytest.mark.parametrize("moment", ["journal.json", "mark", "new/a.txt", "index.lock"])
async def test_stopped_amid_and_run_again(box: Box, moment: str) -> None:
    repo, base = box.repo, box.repo.tip()
    patch = EDIT + "".join(new_file(f"many/{n}") for n in range(400))
    handle = await box.runtime.start(box.spec(WorkspaceAccess.WRITE, {"patchContent": patch}))
    ended = asyncio.ensure_future(box.runtime.wait(handle))
    deadline = time.monotonic() + 30
    while not ended.done() and not seen(repo.path / ".git", moment):
        assert time.monotonic() < deadline, "the run neither ended nor got there"
        await asyncio.sleep(0)
    await box.runtime.stop(handle, grace_seconds=0.0)
    await ended
    result, output = await box.run(patchContent=patch)
    assert result.exit_code == 0, output
    assert output["conflicts"] == []
    assert repo.tip("HEAD^") == base
    assert repo.status() == ""
    assert len(os.listdir(repo.path / "many")) == 400
    assert len(repo.backups()) == 1
    repo.assert_tidy()


def seen(git_directory: Path, moment: str) -> bool:
    if moment == "index.lock":
        return (git_directory / moment).exists()
    home = git_directory / "commandcenter"
    return (home / moment).exists() or any(home.glob(f"work-*/{moment}"))
