"""What does not fit or is not allowed changes nothing, and says file by file why."""

import os
import subprocess
from pathlib import Path

import pytest
from commandcenter_agent.testing import Result

from agents.patcher.tests.repo import Repo

EDIT = "--- a/a.txt\n+++ b/a.txt\n@@ -1,3 +1,3 @@\n line 1\n-line 2\n+two\n line 3\n"


def new_file(path: str, content: str = "x", mode: str = "100644") -> str:
    return (
        f"diff --git a/{path} b/{path}\nnew file mode {mode}\n--- /dev/null\n+++ b/{path}\n"
        f"@@ -0,0 +1 @@\n+{content}\n\\ No newline at end of file\n"
    )


def refused(result: Result, reason: str) -> dict[str, str]:
    """The conflicts by file, of a run that must have been refused for this reason."""
    assert result.exit_code == 1
    assert (result.value["applied"], result.value["reason"]) == (False, reason), result.value
    assert result.value["filesModified"] == []
    assert result.stderr.startswith(f"error: not applied ({reason}): ")
    assert result.stderr.count("\n") == 1
    return {one["file"]: one["reason"] for one in result.value["conflicts"]}


def test_conflict_names_every_file_and_line(repo: Repo) -> None:
    tip = repo.commit({"c.txt": "c\n"})
    patch = (
        "--- a/a.txt\n+++ b/a.txt\n@@ -10,3 +10,3 @@\n line 10\n-LINE 11\n+x\n line 12\n"
        "--- a/c.txt\n+++ b/c.txt\n@@ -1 +1 @@\n-c\n+C\n"
        "--- a/none.txt\n+++ b/none.txt\n@@ -1 +1 @@\n-a\n+b\n" + new_file("keep/b.txt")
    )
    assert refused(repo.patch(patch), "conflict") == {
        "a.txt": "the change at line 10 does not fit what is there now",
        "none.txt": "does not exist",
        "keep/b.txt": "already exists",
    }
    repo.assert_untouched(tip)


def test_conflict_that_three_way_merging_would_hide(repo: Repo) -> None:
    repo.write({"a.txt": (repo.path / "a.txt").read_text().replace("line 2\n", "two\n")})
    patch = repo.diff()
    tip = repo.commit({"a.txt": (repo.path / "a.txt").read_text().replace("line 2\n", "zwei\n")})
    assert "a.txt" in refused(repo.patch(patch), "conflict")
    repo.assert_untouched(tip)


@pytest.mark.parametrize(
    ("patch", "file"),
    [
        (new_file("x").replace("b/x", "/etc/x").replace("a/x", "/etc/x"), "/etc/x"),
        ("--- a/a.txt\n+++ b/../out\n@@ -1 +1 @@\n-a\n+b\n", "b/../out"),
        ('--- a/a.txt\n+++ "b/\\056./out"\n@@ -1 +1 @@\n-a\n+b\n', "b/../out"),
        ("diff --git a/a.txt b/x\nsimilarity index 100%\nrename from a.txt\nrename to /x\n", "/x"),
        (new_file(".git/hooks/post-checkout"), ".git/hooks/post-checkout"),
        (new_file(".gitattributes", "* filter=x"), ".gitattributes"),
        (new_file("sub/.GitAttributes", "* filter=x"), "sub/.GitAttributes"),
        (new_file(".gitmodules"), ".gitmodules"),
        (new_file("A.TXT"), "A.TXT"),
        (new_file("KEEP/other"), "KEEP/other"),
        (new_file("m", "Subproject commit " + "1" * 40, "160000"), "m"),
        (new_file("l", "/etc/passwd", "120000"), "l"),
        (new_file("l", "../outside", "120000"), "l"),
        (new_file("keep/l", "../../outside", "120000"), "keep/l"),
        (new_file("l", ".git/config", "120000"), "l"),
        (new_file("l", "l", "120000"), "l"),
        (new_file('"b/x"').replace('b/"b/x"', '"b/li\\nne"').replace('a/"b/x"', '"a/li\\nne"'),
         "li\nne"),
        (new_file("x\u202etxt.exe"), "x\u202etxt.exe"),
        (new_file("n" * 300), "n" * 300),
    ],
)  # fmt: skip
def test_policy(repo: Repo, patch: str, file: str) -> None:
    tip = repo.tip()
    result = repo.patch(patch)
    conflicts = refused(result, result.value["reason"])
    assert result.value["reason"] in {"refused", "conflict", "invalid_patch"}
    assert any(file in (name, reason) or file in reason for name, reason in conflicts.items())
    repo.assert_untouched(tip)


@pytest.mark.parametrize(
    "name", [".git", ".GIT", ".git ", ".git.", ".g\u200cit", "git~1", ".git::$INDEX_ALLOCATION"]
)
def test_git_directory_by_any_name(repo: Repo, name: str) -> None:
    tip = repo.tip()
    reason = "it writes into .git"
    path = f"{name}/config"
    assert refused(repo.patch(new_file(path, "[core]")), "refused") == {path: reason}
    edit = f"--- a/{path}\n+++ b/{path}\n@@ -1 +1 @@\n-a\n+b\n"
    assert refused(repo.patch(edit), "refused") == {path: reason}
    repo.assert_untouched(tip)


@pytest.mark.parametrize(
    "patch", [new_file("/home/x"), "--- /dev/null\n+++ b//home/x\n@@ -0,0 +1 @@\n+x\n"]
)
def test_a_path_that_is_absolute_behind_its_prefix(repo: Repo, patch: str) -> None:
    tip = repo.tip()
    conflicts = refused(repo.patch(patch), "refused")
    assert conflicts["b//home/x"] == "absolute paths are not allowed"
    repo.assert_untouched(tip)


def test_link_through_another_link(repo: Repo) -> None:
    (repo.path / "s/t").mkdir(parents=True)
    (repo.path / "s/t/up").symlink_to("../..")
    tip = repo.commit({})
    patch = new_file("s/t/x", "up/../outside", "120000")
    assert "leads out" in refused(repo.patch(patch), "refused")["s/t/x"]
    repo.assert_untouched(tip)


def test_old_link_led_astray(repo: Repo) -> None:
    (repo.path / "dir/sub").mkdir(parents=True)
    (repo.path / "way").symlink_to("dir/sub")
    (repo.path / "old").symlink_to("way/../../a.txt")
    repo.write({"dir/sub/x": "x\n"})
    tip = repo.commit({})
    (repo.path / "way").unlink()
    (repo.path / "way").symlink_to("dir")
    assert "leads out" in refused(repo.patch(repo.diff()), "refused")["old"]
    repo.assert_untouched(tip)


def test_writing_through_a_link(repo: Repo, tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    (repo.path / "via").symlink_to(tmp_path / "target")
    tip = repo.commit({})
    refused(repo.patch(new_file("via/x")), "conflict")
    assert list((tmp_path / "target").iterdir()) == []
    repo.assert_untouched(tip)


@pytest.mark.parametrize(
    ("patch", "words"),
    [
        ("", "no file header"),
        ("nonsense\n", "no file header"),
        ("--- a/a.txt\n+++ b/a.txt\n@@ -1,9 +1,9 @@\n line 1\n-x\n", "corrupt"),
        ("--- a/a.txt\n+++ b/a.txt\n\0", "NUL"),
        ('--- "a/a.txt\n+++ b/a.txt\n', "does not end"),
        (EDIT + "--- keep/b.txt\n+++ keep/b.txt\n@@ -1 +1 @@\n-b\n+c\n", "some do not"),
        ("diff --git a/b b/b\nGIT binary patch\nliteral 99999999999\nzcmZ\n\n", "larger than"),
    ],
)
def test_what_is_not_a_patch(repo: Repo, patch: str, words: str) -> None:
    tip = repo.tip()
    assert words in " ".join(refused(repo.patch(patch), "invalid_patch").values())
    repo.assert_untouched(tip)


def test_already_applied(repo: Repo) -> None:
    assert repo.patch(EDIT).exit_code == 0
    tip = repo.tip()
    again = repo.patch(EDIT)
    assert (again.exit_code, again.value["reason"]) == (0, "already_applied")
    assert (again.value["applied"], again.value["commit"]) == (False, tip)
    assert again.value["backupPath"] == repo.backups()[0]
    repo.commit({"other": "x\n"})
    later = repo.patch(EDIT)
    assert (later.exit_code, later.value["reason"]) == (0, "already_applied")
    assert len(repo.backups()) == 1


def test_stale_base(repo: Repo) -> None:
    expected = repo.tip()
    tip = repo.commit({"other": "x\n"})
    words = refused(repo.patch(EDIT, expectedBase=expected), "stale_base")[""]
    assert expected[:12] in words
    repo.assert_untouched(tip)
    assert repo.patch(EDIT, expectedBase=tip).exit_code == 0


def test_expected_base_is_an_id(repo: Repo) -> None:
    refused(repo.patch(EDIT, expectedBase="main"), "refused")
    refused(repo.patch(EDIT, expectedBase=repo.tip()[:10]), "refused")


@pytest.mark.parametrize("branch", ["none", "a..b", "-x", "refs/tags/x", "HEAD~1", "@{-1}"])
def test_unknown_branch(repo: Repo, branch: str) -> None:
    refused(repo.patch(EDIT, targetBranch=branch), "unknown_branch")


def test_not_a_repository(tmp_path: Path, repo: Repo) -> None:
    refused(repo.patch(EDIT, repositoryPath=str(tmp_path)), "not_a_repository")
    refused(repo.patch(EDIT, repositoryPath=str(repo.path / "keep")), "not_a_repository")
    empty = Repo.create(tmp_path / "empty")
    refused(empty.patch(EDIT), "no_commits")


def test_dirty_working_tree(repo: Repo) -> None:
    tip = repo.tip()
    repo.write({"keep/b.txt": "changed\n"})
    assert refused(repo.patch(EDIT), "dirty_working_tree") == {
        "keep/b.txt": "has changes that are not committed"
    }
    repo.assert_untouched(tip, "M keep/b.txt")
    repo.git("add", "-A")
    assert "staged" in refused(repo.patch(EDIT), "dirty_working_tree")[""]
    assert (repo.path / "keep/b.txt").read_text() == "changed\n"


def test_hidden_edits_are_not_overwritten(repo: Repo) -> None:
    for flag in ("--assume-unchanged", "--skip-worktree"):
        repo.git("update-index", flag, "a.txt")
        repo.write({"a.txt": "precious\n"})
        assert "a.txt" in refused(repo.patch(EDIT), "dirty_working_tree")
        assert (repo.path / "a.txt").read_text() == "precious\n"
        repo.git("update-index", flag.replace("--", "--no-"), "a.txt")
        repo.git("checkout", "-q", "--", "a.txt")


def test_untracked_file_in_the_way(repo: Repo) -> None:
    tip = repo.tip()
    repo.write({"n/x": "mine\n"})
    assert "in the way" in refused(repo.patch(new_file("n/x")), "dirty_working_tree")["n/x"]
    assert "in the way" in refused(repo.patch(new_file("n")), "dirty_working_tree")["n"]
    assert "in the way" in refused(repo.patch(new_file("n/x/y")), "dirty_working_tree")["n/x/y"]
    assert (repo.path / "n/x").read_text() == "mine\n"
    repo.assert_untouched(tip, "?? n/")


def test_ignored_file_in_the_way(repo: Repo) -> None:
    repo.commit({".gitignore": "*.local\n"})
    repo.write({"x.local": "mine\n"})
    refused(repo.patch(new_file("x.local")), "dirty_working_tree")
    assert (repo.path / "x.local").read_text() == "mine\n"


def test_merge_in_progress(repo: Repo) -> None:
    repo.git("checkout", "-q", "-b", "other")
    repo.commit({"o": "1\n"})
    repo.git("checkout", "-q", "main")
    repo.git("merge", "-q", "--no-ff", "--no-commit", "other")
    refused(repo.patch(EDIT), "dirty_working_tree")


def test_locked_index_is_a_passing_failure(repo: Repo) -> None:
    tip = repo.tip()
    lock = repo.path / ".git/index.lock"
    lock.write_text("")
    result = repo.patch(EDIT)
    assert result.exit_code == 75
    assert "index.lock exists" in result.stderr
    lock.unlink()
    repo.assert_untouched(tip)


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("x.py", "a = 1\n", "a = (\n"),
        ("x.json", "{}\n", "{,}\n"),
        ("x.toml", "a = 1\n", "a = = 1\n"),
        ("x.yaml", "a: 1\n", "a: [1\n"),
    ],
)
def test_syntax_errors(repo: Repo, name: str, good: str, bad: str) -> None:
    tip = repo.commit({name: good})
    repo.write({name: bad})
    patch = repo.diff()
    result = repo.patch(patch)
    assert name in refused(result, "syntax_error")
    assert "allowSyntaxErrors" in result.stderr
    repo.assert_untouched(tip)
    assert repo.patch(patch, allowSyntaxErrors=True).exit_code == 0
    repo.write({name: bad + "\n"})
    assert repo.patch(repo.diff()).exit_code == 0  # it was broken before


def test_templates_and_commented_json_are_not_judged(repo: Repo) -> None:
    repo.write({"chart/x.yaml": "a: {{ .b }}\n{{- if c }}\n", "tsconfig.json": "{ // comment\n}\n"})
    assert repo.patch(repo.diff()).exit_code == 0


def test_files_of_a_filter(repo: Repo) -> None:
    repo.commit({".gitattributes": "*.big filter=lfs\n", "x.big": "pointer\n"})
    tip = repo.tip()
    repo.write({"x.big": "other\n"})
    patch = repo.diff()
    assert "x.big" in refused(repo.patch(patch), "unsupported")
    repo.assert_untouched(tip)
    repo.write({"x.big": "smudged by the filter\n"})
    assert repo.patch(EDIT).exit_code == 0
    assert (repo.path / "x.big").read_text() == "smudged by the filter\n"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_read_only_repository(repo: Repo) -> None:
    subprocess.run(["chmod", "-R", "a-w", str(repo.path / ".git")], check=True)
    try:
        refused(repo.patch(EDIT), "not_writable")
    finally:
        subprocess.run(["chmod", "-R", "u+w", str(repo.path / ".git")], check=True)
