"""A dry run says what the real one would, and writes nothing."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from commandcenter_agent.testing import Result

from agents.patcher.tests.repo import Repo
from agents.patcher.tests.test_refusals import EDIT, new_file


def snapshot(path: Path) -> Sequence[tuple[str, int]]:
    """Names and times of change of everything in the repository.

    Of objects the names alone: git may note that one is still in use, by its time.
    """
    return sorted(
        (str(one), 0 if "objects" in one.parts else one.lstat().st_mtime_ns)
        for one in (path, *path.rglob("*"))
    )


def dry(repo: Repo, patch: str | None = None, **inputs: object) -> Result:
    before = snapshot(repo.path)
    result = repo.patch(patch, dryRun=True, **inputs)
    assert snapshot(repo.path) == before
    return result


def edited(repo: Repo) -> None:
    repo.write({"keep/b.txt": "changed\n"})


def staged(repo: Repo) -> None:
    repo.write({"keep/b.txt": "changed\n"})
    repo.git("add", "-A")


def hidden(repo: Repo) -> None:
    repo.git("update-index", "--skip-worktree", "a.txt")
    repo.write({"a.txt": "precious\n"})


def in_the_way(repo: Repo) -> None:
    repo.write({"n": "mine\n"})


def merging(repo: Repo) -> None:
    repo.git("checkout", "-q", "-b", "other")
    repo.commit({"o": "1\n"})
    repo.git("checkout", "-q", "main")
    repo.git("merge", "-q", "--no-ff", "--no-commit", "other")


def filtered(repo: Repo) -> None:
    repo.commit({".gitattributes": "*.txt filter=lfs\n"})


def elsewhere(repo: Repo) -> None:
    repo.git("checkout", "-q", "-b", "other")
    repo.git("worktree", "add", "-q", str(repo.path.parent / "second"), "main")


def moved(repo: Repo) -> None:
    repo.commit({"a.txt": "all new\n"})


def locked(repo: Repo) -> None:
    (repo.path / ".git" / "index.lock").write_text("")


@pytest.mark.parametrize(
    ("prepare", "patch", "inputs"),
    [
        (edited, EDIT, {}),
        (staged, EDIT, {}),
        (hidden, EDIT, {}),
        (in_the_way, new_file("n"), {}),
        (in_the_way, new_file("n/deeper"), {}),
        (merging, EDIT, {}),
        (filtered, EDIT, {}),
        (elsewhere, EDIT, {"targetBranch": "main"}),
        (moved, EDIT, {}),
        (locked, EDIT, {}),
    ],
)
def test_it_refuses_for_the_same_reason(
    repo: Repo, prepare: Callable[[Repo], None], patch: str, inputs: dict[str, str]
) -> None:
    prepare(repo)

    result = dry(repo, patch, **inputs)
    real = repo.patch(patch, **inputs)

    assert result.exit_code == real.exit_code != 0
    assert result.output == real.output
    assert result.stderr == real.stderr


def test_a_branch_that_is_not_checked_out_needs_no_clean_working_tree(repo: Repo) -> None:
    repo.git("branch", "side")
    edited(repo)
    result = dry(repo, EDIT, targetBranch="side")
    assert (result.exit_code, result.value["filesModified"]) == (0, ["a.txt"])


def test_a_restore_is_rehearsed_too(repo: Repo) -> None:
    backup = repo.patch(EDIT).value["backupPath"]
    assert dry(repo, restore=backup).value["filesModified"] == ["a.txt"]
    edited(repo)
    assert dry(repo, restore=backup).value["reason"] == "dirty_working_tree"


def interrupt(repo: Repo) -> None:
    """Leave what a run killed right after the branch's move leaves: the files are the old ones."""
    assert repo.patch(EDIT).exit_code == 0
    journal = {
        "token": "abc",
        "digest": repo.git("log", "-1", "--format=%B").rpartition(" ")[2],
        "ref": "refs/heads/main",
        "old": repo.tip("HEAD^"),
        "new": repo.tip(),
        "backup": repo.backups()[0],
        "has_worktree": True,
    }
    repo.git("read-tree", "-u", "--reset", "HEAD^")
    (repo.path / ".git/commandcenter/journal.json").write_text(json.dumps(journal))


def test_what_an_interrupted_run_left_would_be_finished(repo: Repo) -> None:
    interrupt(repo)
    result = dry(repo, EDIT)
    assert (result.exit_code, result.value["reason"]) == (0, "dry_run")
    assert "would be finished" in result.value["message"]
    assert repo.patch(EDIT).value["applied"] is True
    assert repo.status() == ""


def test_nothing_is_said_while_another_patch_is_unfinished(repo: Repo) -> None:
    interrupt(repo)
    result = dry(repo, new_file("other"))
    assert result.exit_code == 75
    assert "was interrupted" in result.stderr
    assert repo.patch(new_file("other")).exit_code == 0


def test_a_journal_that_cannot_be_read_is_left_alone(repo: Repo) -> None:
    (repo.path / ".git/commandcenter").mkdir()
    (repo.path / ".git/commandcenter/journal.json").write_text("{")
    assert dry(repo, EDIT).exit_code == 0
