"""A backup can be restored, and restoring is as careful as patching."""

import pytest

from agents.patcher.tests.repo import Repo
from agents.patcher.tests.test_refusals import EDIT, new_file, refused


def test_restore_undoes_a_patch_and_can_be_undone(repo: Repo) -> None:
    base = repo.tip()
    done = repo.patch(EDIT + new_file("n/new")).value
    result = repo.patch(restore=done["backupPath"])
    assert result.exit_code == 0, result.stderr
    assert result.value["applied"] is True
    assert (repo.tip(), repo.status()) == (base, "")
    assert not (repo.path / "n").exists()
    assert set(result.value["filesModified"]) == {"a.txt", "n/new"}
    again = repo.patch(restore=result.value["backupPath"], expectedBase=base)
    assert again.exit_code == 0, again.stderr
    assert repo.tip() == done["commit"]
    assert repo.status() == ""
    repo.assert_tidy()


def test_restore_does_not_drop_other_commits_unasked(repo: Repo) -> None:
    done = repo.patch(EDIT).value
    tip = repo.commit({"later": "x\n"})
    words = refused(repo.patch(restore=done["backupPath"]), "stale_base")[""]
    assert tip in words
    assert repo.tip() == tip
    assert repo.patch(restore=done["backupPath"], expectedBase=tip).exit_code == 0
    assert repo.tip() == done["baseCommit"]
    assert tip in [repo.tip(name) for name in repo.backups()]


def test_restore_can_be_tried(repo: Repo) -> None:
    done = repo.patch(EDIT).value
    result = repo.patch(restore=done["backupPath"], dryRun=True)
    assert (result.exit_code, result.value["reason"]) == (0, "dry_run")
    assert result.value["filesModified"] == ["a.txt"]
    assert repo.tip() == done["commit"]


def test_restore_keeps_uncommitted_work(repo: Repo) -> None:
    done = repo.patch(EDIT).value
    repo.write({"a.txt": "precious\n"})
    refused(repo.patch(restore=done["backupPath"]), "dirty_working_tree")
    assert (repo.path / "a.txt").read_text() == "precious\n"


@pytest.mark.parametrize(
    "name", ["refs/commandcenter/backups/none", "refs/heads/main", "HEAD~1", "--help"]
)
def test_only_backups_can_be_restored(repo: Repo, name: str) -> None:
    repo.commit({"x": "1\n"})
    refused(repo.patch(restore=name), "unknown_backup")


def test_restore_of_what_is_there_already(repo: Repo) -> None:
    done = repo.patch(EDIT).value
    assert repo.patch(restore=done["backupPath"]).exit_code == 0
    again = repo.patch(restore=done["backupPath"])
    assert (again.exit_code, again.value["reason"]) == (0, "no_change")
