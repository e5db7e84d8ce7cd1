import os
from pathlib import Path

import pytest

from commandcenter.projects.git_facts import git_facts
from tests.integration.projects.domain_hub import git, make_repository


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "app")


async def test_a_clean_repository(repository: Path) -> None:
    facts = await git_facts(repository)
    assert facts.is_repository
    assert facts.head_commit == git(repository, "rev-parse", "HEAD")
    assert (facts.branch, facts.clean, facts.is_bare) == ("main", True, False)
    assert facts.git_directory == repository / ".git"


async def test_changed_staged_and_untracked(repository: Path) -> None:
    (repository / "new").write_text("x")
    assert (await git_facts(repository)).clean is True
    (repository / "README.md").write_text("changed\n")
    assert (await git_facts(repository)).clean is False
    git(repository, "checkout", "-q", "README.md")
    git(repository, "add", "new")
    assert (await git_facts(repository)).clean is False


async def test_a_plain_folder_even_inside_a_repository(repository: Path) -> None:
    (repository / "sub").mkdir()
    facts = await git_facts(repository / "sub")
    assert (facts.is_repository, facts.head_commit, facts.problem) == (False, None, None)


async def test_unborn_detached_bare_and_worktree(repository: Path, tmp_path: Path) -> None:
    unborn = tmp_path / "unborn"
    unborn.mkdir()
    git(unborn, "init", "-q", "-b", "trunk")
    facts = await git_facts(unborn)
    assert (facts.head_commit, facts.branch, facts.clean) == (None, "trunk", True)
    git(repository, "worktree", "add", "-q", "--detach", str(tmp_path / "tree"))
    facts = await git_facts(tmp_path / "tree")
    assert (facts.branch, facts.clean, facts.git_directory) == (None, True, repository / ".git")
    git(tmp_path, "clone", "-q", "--bare", str(repository), "bare")
    facts = await git_facts(tmp_path / "bare")
    assert (facts.is_bare, facts.clean, facts.branch) == (True, None, "main")


async def test_a_repository_of_another_hash(tmp_path: Path) -> None:
    folder = tmp_path / "sha256"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main", "--object-format=sha256")
    (folder / "file").write_text("x")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "first")
    facts = await git_facts(folder)
    assert len(facts.head_commit or "") == 64
    assert facts.clean is True


async def test_a_hostile_repository_runs_nothing(repository: Path, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {marker}\ncat\n")
    program.chmod(0o755)
    (repository / ".gitattributes").write_text("* filter=evil diff=evil\n")
    for key in (
        "core.fsmonitor",
        "filter.evil.clean",
        "filter.evil.smudge",
        "filter.evil.process",
        "diff.evil.command",
        "diff.evil.textconv",
        "core.sshCommand",
        "core.pager",
        "core.editor",
    ):
        git(repository, "config", key, str(program))
    hook = repository / ".git" / "hooks" / "post-index-change"
    hook.write_text(program.read_text())
    hook.chmod(0o755)
    os.utime(repository / "README.md", (1, 1))  # so that its content has to be looked at
    facts = await git_facts(repository)
    assert facts.is_repository
    assert facts.clean is True
    assert not marker.exists()
    # The same look by git itself does run them, or this test would prove nothing.
    git(repository, "status")
    assert marker.exists()


@pytest.mark.root
@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
async def test_a_repository_of_another_user(repository: Path) -> None:
    for folder, _, files in os.walk(repository):
        os.chown(folder, 65534, 65534)
        for name in files:
            os.chown(Path(folder) / name, 65534, 65534)
    facts = await git_facts(repository)
    assert facts.is_repository
    assert facts.clean is True


async def test_a_damaged_repository_is_told(repository: Path) -> None:
    (repository / ".git" / "config").write_text("[core\n")
    facts = await git_facts(repository)
    assert not facts.is_repository
    assert "config" in (facts.problem or "")
