import pytest

from commandcenter.agents.patch_summary import ChangeKind, PatchSummary, summarise_patch

PATCH = r"""diff --git a/bin b/bin
index 8352675..1592e5c 100644
GIT binary patch
literal 3
KcmZQzWC8#H2LJ>B

literal 3
KcmZQzWCj2L2ml2D

diff --git a/del.sql b/del.sql
deleted file mode 100644
index abaddc0..0000000
--- a/del.sql
+++ /dev/null
@@ -1 +0,0 @@
-- -- removed comment
diff --git a/empty b/empty
new file mode 100755
index 0000000..e69de29
diff --git a/mode b/mode
old mode 100644
new mode 100755
diff --git a/ren b/.github/workflows/x.yml
similarity index 100%
rename from ren
rename to .github/workflows/x.yml
diff --git "a/\303\251 \"q\".py" "b/\303\251 \"q\".py"
index c600332..c600333 100644
--- "a/\303\251 \"q\".py"
+++ "b/\303\251 \"q\".py"
@@ -1,2 +1,3 @@
 a
-b
+c
+d
"""


def codes(summary: PatchSummary) -> set[tuple[str, str | None]]:
    return {(note.code, note.file) for note in summary.notes}


def test_every_kind_of_change_is_listed() -> None:
    summary = summarise_patch(PATCH)
    assert summary.problem is None
    assert [(file.path, file.change, file.added, file.removed) for file in summary.files] == [
        ("bin", ChangeKind.MODIFIED, 0, 0),
        ("del.sql", ChangeKind.DELETED, 0, 1),
        ("empty", ChangeKind.ADDED, 0, 0),
        ("mode", ChangeKind.MODE, 0, 0),
        (".github/workflows/x.yml", ChangeKind.RENAMED, 0, 0),
        ('é "q".py', ChangeKind.MODIFIED, 2, 1),
    ]
    assert summary.files[4].source == "ren"
    assert (summary.added, summary.removed) == (2, 2)


def test_blast_radius() -> None:
    found = codes(summarise_patch(PATCH))
    assert {
        ("binary", "bin"),
        ("deletes", "del.sql"),
        ("database", "del.sql"),
        ("executable", "empty"),
        ("executable", "mode"),
        ("pipeline", ".github/workflows/x.yml"),
    } <= found


@pytest.mark.parametrize(
    ("path", "code"),
    [
        (".git/config", "git_internals"),
        ("sub/.gitattributes", "git_internals"),
        ("../x", "outside"),
        (".pre-commit-config.yaml", "hook"),
        ("web/package.json", "build"),
        ("uv.lock", "dependencies"),
        ("Dockerfile.prod", "deployment"),
        (".env.local", "credentials"),
        ("AGENTS.md", "agent_instructions"),
    ],
)
def test_paths_of_consequence(path: str, code: str) -> None:
    patch = f"--- a/{path}\n+++ b/{path}\n@@ -1 +1 @@\n-a\n+b\n"
    assert (code, path) in codes(summarise_patch(patch))


def test_an_ordinary_change_has_no_notes() -> None:
    assert summarise_patch("--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-a\n+b\n").notes == ()


def test_text_that_reorders_is_noticed() -> None:
    patch = "--- a/x.py\n+++ b/x.py\n@@ -1 +1,2 @@\n a\n+b = '\u202e'\n"
    (note,) = summarise_patch(patch).notes
    assert (note.code, note.file) == ("hidden_text", "x.py")
    assert "line 2" in note.message


def test_links_and_submodules() -> None:
    patch = (
        "diff --git a/l b/l\nnew file mode 120000\nindex 0000000..1\n--- /dev/null\n+++ b/l\n"
        "@@ -0,0 +1 @@\n+/etc\n\\ No newline at end of file\n"
        "diff --git a/m b/m\nnew file mode 160000\nindex 0000000..1\n--- /dev/null\n+++ b/m\n"
        "@@ -0,0 +1 @@\n+Subproject commit 1\n"
    )
    assert codes(summarise_patch(patch)) == {("symlink", "l"), ("submodule", "m")}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello\n",
        "--- a/x\n+++ b/x\n@@ -1,5 +1 @@\n-a\n",
        "@@ -1 +1 @@\n-a\n+b\n",
        "\0",
        "+++ b/x",
    ],
)
def test_what_is_not_a_patch_is_a_problem(text: str) -> None:
    summary = summarise_patch(text)
    assert summary.problem is not None
    assert summary.files == ()


def test_a_large_patch_is_still_listed() -> None:
    lines = "+x\n" * 2_000_000
    summary = summarise_patch(f"--- a/x\n+++ b/x\n@@ -0,0 +1,2000000 @@\n{lines}")
    assert [file.path for file in summary.files] == ["x"]
    assert "not_counted" in {note.code for note in summary.notes}


def test_notes_do_not_grow_without_bound() -> None:
    patch = "".join(f"--- a/m{n}.sql\n+++ b/m{n}.sql\n@@ -1 +1 @@\n-a\n+b\n" for n in range(100))
    summary = summarise_patch(patch)
    assert len(summary.files) == 100
    assert len(summary.notes) == 20 + 1 + 1
