"""Every form a change can take arrives as the tree git itself would have made."""

import base64
from collections.abc import Callable
from pathlib import Path

import pytest

from agents.patcher.tests.repo import Repo


def crlf(repo: Repo) -> None:
    repo.write({"crlf.txt": "one\r\nTWO\r\nthree\r\n", "mixed.txt": "a\nb\r\nC\n"})


def renames(repo: Repo) -> None:
    (repo.path / "a.txt").rename(repo.path / "renamed.txt")
    (repo.path / "moved").mkdir()
    (repo.path / "bin").rename(repo.path / "moved" / "bin")
    text = (repo.path / "renamed.txt").read_text().replace("line 7", "seven")
    repo.write({"renamed.txt": text})


def binary(repo: Repo) -> None:
    repo.write({"bin": bytes(range(255)), "bin2": b"\0" * 5000, "gone.bin": None})


def modes(repo: Repo) -> None:
    (repo.path / "a.txt").chmod(0o755)
    (repo.path / "tool.sh").chmod(0o644)


def no_newline(repo: Repo) -> None:
    repo.write({"ends": "no newline any more", "bare": "with newline now\n"})


def new_empty_deleted(repo: Repo) -> None:
    repo.write({"empty": "", "deep/er/x": "x\n", "keep/b.txt": None, "was-empty": None})


def odd_names(repo: Repo) -> None:
    repo.write({"with space": "1\n", 'quo"te': "2\n", "ünï cödé/日本": "3\n", "back\\slash": "4\n"})
    repo.write({"sp ace/a b": "changed\n", "-- dash": "5\n", "e\u0301": "6\n"})


def file_to_folder(repo: Repo) -> None:
    repo.write({"ends": None, "ends/inside": "x\n"})


def folder_to_file(repo: Repo) -> None:
    repo.write({"keep/b.txt": None})
    (repo.path / "keep").rmdir()
    repo.write({"keep": "now a file\n"})


def links(repo: Repo) -> None:
    (repo.path / "link").symlink_to("keep/b.txt")
    (repo.path / "old-link").unlink()
    (repo.path / "old-link").symlink_to("tool.sh")


def type_change(repo: Repo) -> None:
    (repo.path / "ends").unlink()
    (repo.path / "ends").symlink_to("a.txt")
    (repo.path / "old-link").unlink()
    repo.write({"old-link": "a file\n"})


def headers_in_content(repo: Repo) -> None:
    repo.write({"sql": "+ x\n++ y\n@@ -1 +1 @@\n", "a.txt": "diff --git a/x b/x\n--- a/etc\n"})


def many_hunks(repo: Repo) -> None:
    lines = [f"line {n}" for n in range(1, 21)]
    lines[0], lines[9], lines[19] = "first", "tenth", "last"
    repo.write({"a.txt": "\n".join([*lines, ""])})


def copies(repo: Repo) -> None:
    text = (repo.path / "a.txt").read_text()
    repo.write({"copy-1.txt": text, "copy-2.txt": text + "more\n"})


def large(repo: Repo) -> None:
    repo.write({f"many/{n}.txt": f"{n}\n" for n in range(300)})


CHANGES = [
    crlf, renames, binary, modes, no_newline, new_empty_deleted, odd_names, file_to_folder,
    folder_to_file, links, type_change, headers_in_content, many_hunks, copies, large,
]  # fmt: skip


@pytest.fixture
def rich(repo: Repo) -> Repo:
    repo.write(
        {
            "crlf.txt": "one\r\ntwo\r\nthree\r\n",
            "mixed.txt": "a\nb\r\nc\n",
            "bin": bytes(range(256)),
            "gone.bin": b"\0\1\2",
            "tool.sh": "#!/bin/sh\n",
            "ends": "newline\n",
            "bare": "no newline",
            "was-empty": "",
            "sp ace/a b": "x\n",
            "sql": "-- removed\n-- a/comment\n+ x\n",
        }
    )
    (repo.path / "tool.sh").chmod(0o755)
    (repo.path / "old-link").symlink_to("a.txt")
    repo.commit({})
    return repo


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_change_arrives_exactly(rich: Repo, change: Callable[[Repo], None]) -> None:
    base = rich.tip()
    change(rich)
    rich.git("add", "-A")
    expected = rich.git("write-tree")
    result = rich.patch(rich.diff("-C", "--find-copies-harder"))
    assert (result.exit_code, result.value["reason"]) == (0, ""), result.stderr
    assert rich.tree() == expected
    assert rich.git("rev-parse", "HEAD^") == base
    assert rich.status() == ""
    rich.assert_tidy()
    output = result.value
    assert output["applied"] is True
    assert output["conflicts"] == []
    assert (output["commit"], output["baseCommit"]) == (rich.tip(), base)
    assert rich.tip(output["backupPath"]) == base
    for changed in output["fileChanges"]:
        assert f"{changed['change']} {changed['file']}" in result.stdout


@pytest.mark.parametrize("options", [("--no-prefix",), ("--src-prefix=i/", "--dst-prefix=w/")])
@pytest.mark.parametrize("change", [many_hunks, renames, new_empty_deleted, modes, odd_names])
def test_other_prefixes(rich: Repo, change: Callable[[Repo], None], options: tuple[str]) -> None:
    change(rich)
    rich.git("add", "-A")
    expected = rich.git("write-tree")
    result = rich.patch(rich.diff(*options))
    assert result.exit_code == 0, result.stderr
    assert rich.tree() == expected


def test_plain_diff_without_git_headers(repo: Repo) -> None:
    patch = (
        "Only in new: nothing\n"
        "diff -ru old/a.txt new/a.txt\n"
        "--- old/a.txt\t2024-01-01 00:00:00.000000000 +0000\n"
        "+++ new/a.txt\t2024-01-02 00:00:00.000000000 +0000\n"
        "@@ -1,3 +1,3 @@\n-line 1\n+LINE 1\n line 2\n line 3\n"
    )
    result = repo.patch(patch)
    assert result.exit_code == 0, result.stderr
    assert (repo.path / "a.txt").read_text().startswith("LINE 1\nline 2\n")


def test_plain_diff_of_one_folder(repo: Repo) -> None:
    patch = "--- keep/b.txt\n+++ keep/b.txt\n@@ -1 +1 @@\n-b\n+B\n"
    assert repo.patch(patch).exit_code == 0
    assert (repo.path / "keep/b.txt").read_text() == "B\n"


def test_hunks_that_moved_are_found(repo: Repo) -> None:
    text = (repo.path / "a.txt").read_text()
    repo.write({"a.txt": text.replace("line 10", "tenth")})
    patch = repo.diff()
    repo.commit({"a.txt": "new\n" * 30 + text})
    assert repo.patch(patch).exit_code == 0
    assert "tenth\n" in (repo.path / "a.txt").read_text()


@pytest.mark.parametrize("encoding", ["8bit", "base64", "quoted-printable"])
def test_mailbox(repo: Repo, encoding: str) -> None:
    start = repo.tip()
    repo.commit({"a.txt": "é = ü\n", "n.txt": "1\n"}, "First = subject\n\nBody.")
    repo.commit({"n.txt": "1\n2\n"}, "Second")
    expected = repo.tree()
    mails = repo.git_bytes("format-patch", "--stdout", start).split(b"\nFrom ")
    mails = [mails[0], *(b"From " + mail for mail in mails[1:])]
    if encoding != "8bit":
        mails = [_encode(mail, encoding) for mail in mails]
    repo.git("reset", "-q", "--hard", start)
    result = repo.patch(b"\n".join(mails))
    assert result.exit_code == 0, result.stderr
    assert repo.tree() == expected
    assert repo.git("log", "-1", "--format=%s") == "First = subject"


def _encode(mail: bytes, encoding: str) -> bytes:
    import quopri  # noqa: PLC0415 - for this one

    head, _, body = mail.partition(b"\n\n")
    lines = [
        line
        for line in head.split(b"\n")
        if not line.lower().startswith((b"content-", b"mime-version"))
    ]
    encode = quopri.encodestring if encoding == "quoted-printable" else base64.encodebytes
    lines += [b"MIME-Version: 1.0", b"Content-Type: text/plain; charset=UTF-8"]
    lines.append(f"Content-Transfer-Encoding: {encoding}".encode())
    return b"\n".join([*lines, b"", encode(body)])


def test_patch_that_is_not_utf8(repo: Repo) -> None:
    repo.commit({"latin.txt": b"gr\xfcn\n"})
    repo.write({"latin.txt": b"gr\xfcn\nwei\xdf\n"})
    patch = repo.diff()
    given = base64.b64encode(patch).decode()
    result = repo.patch(given, patchEncoding="base64")
    assert result.exit_code == 0, result.stderr
    assert (repo.path / "latin.txt").read_bytes() == b"gr\xfcn\nwei\xdf\n"


def test_another_branch_is_patched_without_touching_the_working_tree(repo: Repo) -> None:
    repo.git("branch", "feature/x")
    many_hunks(repo)
    patch = repo.diff()
    repo.write({"a.txt": "work in progress\n", "new.txt": "untracked\n"})
    before = repo.status()
    result = repo.patch(patch, targetBranch="feature/x")
    assert result.exit_code == 0, result.stderr
    assert "first" in repo.git("show", "feature/x:a.txt")
    assert repo.status() == before
    assert repo.tip("main") == repo.tip("feature/x~1")
    assert result.value["backupPath"].endswith("-feature/x")


def test_bare_repository(repo: Repo, tmp_path: Path) -> None:
    many_hunks(repo)
    patch = repo.diff()
    repo.git("clone", "-q", "--bare", str(repo.path), str(tmp_path / "bare.git"))
    bare = Repo(tmp_path / "bare.git")
    assert bare.patch(patch).exit_code == 0
    assert "first" in bare.git("show", "main:a.txt")


def test_linked_working_tree(repo: Repo, tmp_path: Path) -> None:
    repo.git("worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    side = Repo(tmp_path / "side")
    many_hunks(repo)
    patch = repo.diff()
    refused = repo.patch(patch, targetBranch="side")
    assert (refused.exit_code, refused.value["reason"]) == (1, "unsupported")
    assert str(side.path) in refused.value["message"]
    result = side.patch(patch)
    assert result.exit_code == 0, result.stderr
    assert (side.path / "a.txt").read_text().startswith("first\n")
    assert (side.status(), repo.status()) == ("", "")
    assert repo.tip("side~1") == repo.tip("main")


def test_detached_head(repo: Repo) -> None:
    many_hunks(repo)
    patch = repo.diff()
    repo.git("checkout", "-q", "--detach")
    result = repo.patch(patch)
    assert (result.exit_code, result.value["reason"]) == (1, "unknown_branch")
    assert "targetBranch" in result.value["message"]
    assert repo.patch(patch, targetBranch="main").exit_code == 0


def test_sha256_repository(tmp_path: Path) -> None:
    repo = Repo.create(tmp_path / "r", "--object-format=sha256")
    repo.commit({"a": "1\n"})
    repo.write({"a": "2\n"})
    result = repo.patch(repo.diff())
    assert result.exit_code == 0, result.stderr
    assert len(result.value["commit"]) == 64
    assert repo.status() == ""


def test_line_ends_by_attributes(repo: Repo) -> None:
    repo.commit({".gitattributes": "*.bat text eol=crlf\n", "x.bat": "one\r\ntwo\r\n"})
    assert repo.git_bytes("show", "HEAD:x.bat") == b"one\ntwo\n"
    repo.write({"x.bat": "one\r\n2\r\n", "y.bat": "new\r\n"})
    result = repo.patch(repo.diff())
    assert result.exit_code == 0, result.stderr
    assert (repo.path / "x.bat").read_bytes() == b"one\r\n2\r\n"
    assert (repo.path / "y.bat").read_bytes() == b"new\r\n"
    assert repo.status() == ""


@pytest.mark.parametrize("setting", [("index.version", "4"), ("core.splitIndex", "true")])
def test_other_forms_of_index(repo: Repo, setting: tuple[str, str]) -> None:
    repo.git("config", *setting)
    repo.commit({"more": "x\n"})
    many_hunks(repo)
    patch = repo.diff()
    result = repo.patch(patch)
    assert result.exit_code == 0, result.stderr
    assert repo.status() == ""


def test_sparse_checkout(repo: Repo) -> None:
    repo.commit({"out/x": "1\n", "out/y": "1\n", "in/z": "1\n"})
    repo.write({"out/x": "2\n", "in/z": "2\n"})
    patch = repo.diff()
    repo.git("sparse-checkout", "set", "in")
    result = repo.patch(patch)
    assert result.exit_code == 0, result.stderr
    assert repo.git("show", "HEAD:out/x") == "2"
    assert (repo.path / "in/z").read_text() == "2\n"
    assert repo.status() == ""
    assert not (repo.path / "out/y").exists()


def test_disk_without_executable_bits(repo: Repo) -> None:
    repo.git("config", "core.fileMode", "false")
    repo.write({"a.txt": "changed\n"})
    patch = repo.diff()
    for path in repo.path.glob("*.txt"):
        path.chmod(0o777)
    result = repo.patch(patch)
    assert result.exit_code == 0, result.stderr
    assert repo.status() == ""


def test_message(repo: Repo) -> None:
    many_hunks(repo)
    result = repo.patch(repo.diff(), message="Number the lines\n\nBecause.")
    assert result.exit_code == 0
    body = repo.git("log", "-1", "--format=%B")
    assert body.startswith("Number the lines\n\nBecause.\n\nCommandCenter-Patch-SHA256: ")
    assert repo.git("log", "-1", "--format=%an") == "CommandCenter patcher"


def test_without_backup(repo: Repo) -> None:
    many_hunks(repo)
    result = repo.patch(repo.diff(), createBackup=False)
    assert result.exit_code == 0
    assert result.value["backupPath"] is None
    assert repo.backups() == []


def test_dry_run_writes_nothing(repo: Repo) -> None:
    many_hunks(repo)
    patch = repo.diff()
    tip = repo.tip()
    before = sorted(repo.path.rglob("*"))
    result = repo.patch(patch, dryRun=True)
    assert result.exit_code == 0
    assert (result.value["applied"], result.value["reason"]) == (False, "dry_run")
    assert result.value["filesModified"] == ["a.txt"]
    assert sorted(repo.path.rglob("*")) == before
    repo.assert_untouched(tip)


def test_untracked_files_that_do_not_collide_stay(repo: Repo) -> None:
    many_hunks(repo)
    patch = repo.diff()
    repo.write({"notes.txt": "mine\n", "keep/mine": "x\n"})
    assert repo.patch(patch).exit_code == 0
    assert repo.status() == "?? keep/mine\n?? notes.txt"
