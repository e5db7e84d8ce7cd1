"""A repository that wants to run programs: none of its baits is taken."""

import json
import subprocess
from pathlib import Path

import pytest

from agents.patcher.tests.repo import ENVIRONMENT, Repo
from agents.patcher.tests.test_refusals import EDIT, new_file

HOOKS = (
    "reference-transaction", "post-checkout", "post-index-change", "post-commit", "pre-commit",
    "post-rewrite", "applypatch-msg", "pre-auto-gc", "post-merge", "update",
)  # fmt: skip

JOURNAL = {
    "token": "a",
    "digest": "",
    "ref": "refs/heads/main",
    "old": "1",
    "new": "2",
    "backup": None,
    "has_worktree": True,
}


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    return tmp_path / "trapped"


@pytest.fixture
def hostile(repo: Repo, tmp_path: Path, trap: Path) -> Repo:
    """Baits in the configuration, the hooks and the attributes; each writes to `trap`."""
    program = tmp_path / "bait"
    program.write_text(f"#!/bin/sh\necho \"$0 $*\" >> '{trap}'\ncat 2>/dev/null\n")
    program.chmod(0o755)
    repo.commit({".gitattributes": "*.txt filter=evil diff=evil merge=evil\n"})
    for hook in HOOKS:
        path = repo.path / ".git/hooks" / hook
        path.write_text(program.read_text())
        path.chmod(0o755)
    for key in (
        "core.fsmonitor", "core.editor", "core.pager", "core.sshCommand", "core.askPass",
        "core.alternateRefsCommand", "diff.external", "diff.evil.textconv", "diff.evil.command",
        "merge.evil.driver", "filter.evil.smudge", "filter.evil.clean", "filter.evil.process",
        "gpg.program", "alias.apply", "alias.update-ref", "uploadpack.packObjectsHook",
        "credential.helper", "gc.recentObjectsHook", "sequence.editor",
    ):  # fmt: skip
        repo.git("config", key, str(program))
    repo.git("config", "commit.gpgSign", "true")
    repo.git("config", "apply.whitespace", "error-all")
    repo.git("config", "core.logAllRefUpdates", "always")
    return repo


def test_the_baits_work(hostile: Repo, trap: Path) -> None:
    subprocess.run(
        ["git", "status"], cwd=hostile.path, env=ENVIRONMENT, capture_output=True, check=False
    )
    assert trap.exists()


def test_nothing_runs_while_patching(hostile: Repo, trap: Path) -> None:
    trap.unlink(missing_ok=True)
    result = hostile.patch(new_file("n.md"))
    assert result.exit_code == 0, result.stderr
    restored = hostile.patch(restore=result.value["backupPath"])
    assert restored.exit_code == 0, restored.stderr
    assert not trap.exists(), trap.read_text()


def test_nothing_runs_while_refusing(hostile: Repo, trap: Path) -> None:
    trap.unlink(missing_ok=True)
    assert hostile.patch(EDIT).value["reason"] == "unsupported"  # filtered, and checked out
    hostile.write({"keep/b.txt": "dirty\n"})
    assert hostile.patch(new_file("n.md")).exit_code in (0, 1)
    assert hostile.patch(EDIT.replace("line 1", "line 0")).value["reason"] == "conflict"
    assert not trap.exists(), trap.read_text()


def test_a_submodule_with_its_own_baits(repo: Repo, tmp_path: Path, trap: Path) -> None:
    inner = Repo.create(tmp_path / "inner")
    inner.commit({"x": "1\n"})
    repo.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner.path), "sub")
    repo.commit({})
    program = tmp_path / "bait"
    program.write_text(f"#!/bin/sh\necho x >> '{trap}'\n")
    program.chmod(0o755)
    Repo(repo.path / "sub").git("config", "core.fsmonitor", str(program))
    result = repo.patch(EDIT)
    assert result.exit_code == 0, result.stderr
    assert not trap.exists()
    assert (repo.path / "sub/x").read_text() == "1\n"


@pytest.mark.parametrize("missing", ["HEAD:a.txt", "HEAD"])
def test_a_partial_clone_fetches_nothing(
    repo: Repo, tmp_path: Path, trap: Path, missing: str
) -> None:
    program = tmp_path / "bait"
    program.write_text(f"#!/bin/sh\necho x >> '{trap}'\n")
    program.chmod(0o755)
    gone = repo.git("rev-parse", missing)
    (repo.path / ".git/objects" / gone[:2] / gone[2:]).unlink()
    repo.git("config", "core.repositoryFormatVersion", "1")
    repo.git("config", "extensions.partialClone", "origin")
    repo.git("config", "remote.origin.url", f"ext::{program} %S")
    repo.git("config", "remote.origin.promisor", "true")
    repo.git("config", "protocol.ext.allow", "always")
    result = repo.patch(EDIT)
    assert result.exit_code == 1
    assert result.value["applied"] is False
    assert not trap.exists()
    subprocess.run(
        ["git", "cat-file", "-p", gone], cwd=repo.path, env=ENVIRONMENT, capture_output=True,
        check=False,
    )  # fmt: skip
    assert trap.exists(), "the bait does not work"


def test_our_folder_replaced_by_a_link(repo: Repo, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (repo.path / ".git/commandcenter").symlink_to(elsewhere)
    result = repo.patch(EDIT)
    assert (result.exit_code, result.value["reason"]) == (1, "unsupported")
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        "{}",
        json.dumps({**JOURNAL, "token": "../../x"}),
        json.dumps({**JOURNAL, "backup": "refs/heads/main"}),
        json.dumps({**JOURNAL, "ref": "HEAD"}),
        json.dumps({**JOURNAL, "old": "--all"}),
    ],
)
def test_a_forged_journal_is_put_aside(repo: Repo, content: str) -> None:
    home = repo.path / ".git/commandcenter"
    home.mkdir()
    (home / "journal.json").write_text(content)
    assert repo.patch(EDIT).exit_code == 0
    assert repo.status() == ""
    assert (home / "journal.unreadable").exists()
