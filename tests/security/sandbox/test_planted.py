"""What an agent leaves behind must not act on the host: links in its results, traps for git."""

import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from commandcenter.runtimes.base import Handle
from commandcenter.runtimes.results import AttemptResult
from commandcenter.runtimes.sandbox.doctor import can_isolate
from commandcenter.runtimes.sandbox.runtime import SandboxRuntime
from commandcenter.runtimes.spec import AttemptKind, AttemptSpec, Limits, Workspace, WorkspaceAccess
from tests.security.sandbox.drive import end_runner

pytestmark = pytest.mark.skipif(not can_isolate(), reason="this machine cannot isolate")


class Box:
    def __init__(self, runtime: SandboxRuntime) -> None:
        self.runtime = runtime
        self.count = 0

    async def run(self, script: str, workspace: Path | None = None) -> tuple[AttemptResult, str]:
        self.count += 1
        spec = AttemptSpec(
            attempt_id=f"planted-{self.count}",
            kind=AttemptKind.JOB,
            command=("sh", "-c", script),
            agent_directory=None,
            input_json=b"{}",
            workspace=Workspace(workspace, WorkspaceAccess.WRITE) if workspace else None,
            limits=Limits(),
            timeout_seconds=30.0,
        )
        handle: Handle = await self.runtime.start(spec)
        result = await self.runtime.wait(handle)
        lines = [line.text async for line in self.runtime.logs(handle, follow=True)]
        return result, "\n".join(lines)


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Box]:
    data = tmp_path / "data"
    runtime = SandboxRuntime(data)
    yield Box(runtime)
    await runtime.close()
    end_runner(data)


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    path = tmp_path / "canary"
    path.write_text("the host's")
    return path


async def test_an_output_that_is_a_link_is_not_followed(box: Box, canary: Path) -> None:
    result, _ = await box.run(f"ln -s {canary} /out/output.json")
    assert result.output is None
    assert "not a regular file" in result.message


async def test_an_output_that_is_a_pipe_does_not_hang(box: Box) -> None:
    result, _ = await box.run("mkfifo /out/output.json")
    assert result.output is None
    assert "not a regular file" in result.message


async def test_an_output_that_is_too_large_is_refused(box: Box) -> None:
    result, _ = await box.run("head -c 9M /dev/zero > /out/output.json")
    assert result.output is None
    assert "8,388,608" in result.message


async def test_artifacts_are_regular_files_only(box: Box, canary: Path) -> None:
    result, log = await box.run(
        f"cd /out/artifacts; ln -s {canary} link; ln -s / root; mkfifo pipe; mkdir -p a/b;"
        "echo kept > a/b/c; mkdir locked; echo no > locked/x; chmod 0 locked/x;"
        "python3 -c \"import socket; socket.socket(socket.AF_UNIX).bind('sock')\""
    )
    assert result.exit_code == 0
    assert result.artifacts_directory is not None
    found = [path for path in result.artifacts_directory.rglob("*") if not path.is_dir()]
    assert (result.artifacts_directory / "a/b/c").read_text() == "kept\n"
    assert not any(path.is_symlink() or not path.is_file() for path in found)
    assert {path.name for path in found} <= {"c", "x"}
    assert "no regular files" in log


async def test_artifacts_are_bounded_in_depth_and_number(box: Box) -> None:
    result, log = await box.run(
        "cd /out/artifacts; i=0; while [ $i -lt 2100 ]; do : > f$i; i=$((i+1)); done;"
        "d=z; while [ $i -lt 2130 ]; do d=$d/z; i=$((i+1)); done; mkdir -p $d; : > $d/deep"
    )
    assert result.artifacts_directory is not None
    assert len([p for p in result.artifacts_directory.rglob("*") if p.is_file()]) == 2000
    assert "only the first 2000" in log


async def test_artifacts_replaced_by_a_link_are_left_alone(box: Box, canary: Path) -> None:
    result, _ = await box.run(f"rmdir /out/artifacts; ln -s {canary.parent} /out/artifacts")
    assert result.artifacts_directory is None


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    path = tmp_path / "repository"
    for command in (
        ["git", "init", "-q", str(path)],
        ["git", "-C", str(path), "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q",
         "--allow-empty", "-m", "first"],
    ):  # fmt: skip
        subprocess.run(command, check=True)
    return path


def git(repository: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(repository), *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout


async def test_an_agent_can_commit(box: Box, repository: Path) -> None:
    result, log = await box.run(
        "cd /workspace && echo hi > f && git add f && git -c user.name=a -c user.email=a@b"
        " commit -qm second && git log --oneline",
        repository,
    )
    assert result.exit_code == 0, log
    assert git(repository, "log", "--format=%s").split() == ["second", "first"]
    git(repository, "fsck", "--strict")


@pytest.mark.parametrize(
    "attack",
    [
        "git config core.fsmonitor 'touch /workspace/pwned'",
        "echo '[core] fsmonitor = x' >> .git/config",
        "mv .git/config .git/old && cp /dev/null .git/config",
        "printf '#!/bin/sh\\n' > .git/hooks/pre-commit",
        "mv .git/hooks .git/other && mkdir .git/hooks",
        "rm -rf .git/hooks && mkdir .git/hooks",
        "echo '* filter=evil' > .git/info/attributes",
        "mv .git .git-old && mkdir .git",
        "rmdir .git/info || rm -r .git/info && mkdir .git/info",
        "ln -sfT /workspace/evil .git",
        "umount .git/hooks || mount -o remount,rw .git/hooks",
    ],
)
async def test_git_cannot_be_made_to_run_something(box: Box, repository: Path, attack: str) -> None:
    config = (repository / ".git/config").read_bytes()
    hooks = sorted(path.name for path in (repository / ".git/hooks").iterdir())
    result, _ = await box.run(f"cd /workspace && {attack}", repository)
    assert result.exit_code != 0
    assert (repository / ".git").is_dir()
    assert not (repository / ".git").is_symlink()
    assert (repository / ".git/config").read_bytes() == config
    assert sorted(path.name for path in (repository / ".git/hooks").iterdir()) == hooks
    assert not (repository / ".git/info/attributes").exists()


async def test_a_planted_redirection_of_git_is_removed(box: Box, repository: Path) -> None:
    _, log = await box.run(
        "cd /workspace && mkdir evil && echo ../evil > .git/commondir", repository
    )
    assert not (repository / ".git/commondir").exists()
    assert "commondir" in log


async def test_hooks_cannot_be_planted_where_there_were_none(box: Box, repository: Path) -> None:
    shutil.rmtree(repository / ".git/hooks")
    shutil.rmtree(repository / ".git/info", ignore_errors=True)
    result, _ = await box.run(
        "mkdir -p /workspace/.git/hooks && touch /workspace/.git/hooks/pre-commit", repository
    )
    assert result.exit_code != 0
    assert not (repository / ".git/hooks/pre-commit").exists()


async def test_links_in_the_workspace_lead_nowhere_inside(
    box: Box, canary: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "link").symlink_to(canary)
    (folder / "up").symlink_to("../..")
    result, log = await box.run(
        f"cat /workspace/link; ls /workspace/up; cat /workspace/up/..{canary} && exit 7; exit 0",
        folder,
    )
    assert result.exit_code == 0, log
    assert "the host's" not in log
