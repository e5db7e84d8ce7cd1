"""Killed at any point, the repository is sound and the next run finishes or starts over."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from commandcenter_agent.testing import agent_environment

from agents.patcher.tests.repo import AGENT, Repo, first_commit

# Loaded by the interpreter before the program: kills the process group before its n-th act.
KILLER = """
import os, signal, sys
acts = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "subprocess.Popen",
        "shutil.rmtree", "os.symlink", "os.chmod"}
limit, count, where = int(os.environ["KILL_AT"]), 0, os.environ["KILL_IN"]
def hook(event, arguments):
    global count
    if event not in acts or (event == "open" and where not in str(arguments[0])):
        return
    count += 1
    if count == limit:
        os.killpg(0, signal.SIGKILL)
sys.addaudithook(hook)
if os.environ["ACROSS"]:  # as if .git were a mount of its own, which it is in the sandbox
    import errno
    rename = os.rename
    def refuse(source, target, *, src_dir_fd=None, dst_dir_fd=None):
        if dst_dir_fd is not None and src_dir_fd is None:
            raise OSError(errno.EXDEV, "across")
        rename(source, target, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
    os.rename = refuse
import atexit
atexit.register(lambda: open(os.environ["KILL_COUNT"], "w").write(str(count)))
"""
POINTS = int(os.environ.get("PATCHER_KILL_POINTS", "12"))  # spread over a whole run


def make_change(repo: Repo) -> tuple[bytes, str]:
    """A patch with every kind of step in the working tree, and the tree it leads to."""
    repo.write({"n/deep/new": "new\n", "a.txt": "changed\n", "keep/b.txt": None, "t": "x\n"})
    (repo.path / "l").symlink_to("a.txt")
    repo.git("add", "-A")
    expected = repo.git("write-tree")
    patch = repo.diff()
    repo.git("clean", "-qfd")
    return patch, expected


class Killed:
    """Runs the patcher with the killer set to the n-th act."""

    def __init__(
        self, scratch: Path, repo: Repo, patch: bytes, *, across_mounts: bool = False
    ) -> None:
        self.count = scratch / "count"
        (scratch / "hook").mkdir(parents=True)
        (scratch / "hook/sitecustomize.py").write_text(KILLER)
        self.environment = agent_environment(scratch, repo.path)
        self.environment["PYTHONPATH"] += f"{os.pathsep}{scratch / 'hook'}"
        self.environment["KILL_COUNT"] = str(self.count)
        self.environment["KILL_IN"] = str(repo.path)
        self.environment["ACROSS"] = "yes" if across_mounts else ""
        inputs = {"repositoryPath": str(repo.path), "patchContent": patch.decode()}
        (scratch / "in/input.json").write_text(json.dumps(inputs))

    def start(self, at: int = 0) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, "main.py"],
            cwd=AGENT,
            env={**self.environment, "KILL_AT": str(at)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def run(self, at: int = 0) -> int:
        return self.start(at).wait(timeout=60)


def check_finished(repo: Repo, patch: bytes, expected: str, base: str) -> None:
    result = repo.patch(patch)
    assert result.exit_code == 0, result.stderr
    assert result.value["reason"] in {"", "already_applied"}
    assert result.value["conflicts"] == []
    assert repo.tree() == expected
    assert repo.tip("HEAD^") == base
    assert repo.status() == ""
    assert [repo.tip(name) for name in repo.backups()] == [base]
    assert result.value["backupPath"] == repo.backups()[0]
    repo.assert_tidy()


@dataclass(frozen=True)
class Prepared:
    """A repository, a patch for it, and how many acts a whole run of the patcher has."""

    repo: Repo
    patch: bytes
    expected: str
    acts: Mapping[bool, int]  # by whether it is across mounts


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    top = tmp_path_factory.mktemp("prepared")
    repo = first_commit(top / "repo")
    patch, expected = make_change(repo)
    acts = {}
    for across in (False, True):
        counted = Killed(
            top / f"count-{across}",
            clone(repo, top / f"counted-{across}"),
            patch,
            across_mounts=across,
        )
        assert counted.run() == 0
        acts[across] = int(counted.count.read_text())
        assert acts[across] > 100
    return Prepared(repo, patch, expected, acts)


@pytest.mark.parametrize("point", range(POINTS))
def test_killed_and_run_again(prepared: Prepared, tmp_path: Path, point: int) -> None:
    base = prepared.repo.tip()
    across = point % 2 == 1
    copy = clone(prepared.repo, tmp_path / "killed")
    killed = Killed(tmp_path / "kill", copy, prepared.patch, across_mounts=across)
    at = 1 + point * (prepared.acts[across] - 1) // (POINTS - 1)
    assert killed.run(at) == -signal.SIGKILL
    assert copy.tip() == base or copy.tree() == prepared.expected
    check_finished(copy, prepared.patch, prepared.expected, base)


def clone(repo: Repo, path: Path) -> Repo:
    """Copy a repository without the objects that making the patch has left in it."""
    repo.git("clone", "-q", "--no-local", str(repo.path), str(path))
    return Repo(path)


def kill_copy(repo: Repo, scratch: Path, patch: bytes, at: int) -> Repo:
    copy = clone(repo, scratch / "copy")
    Killed(scratch / "kill", copy, patch).run(at)
    return copy


def is_half_done(repo: Repo, base: str) -> bool:
    """The branch has moved and one file of the working tree is there already."""
    return repo.tip() != base and (repo.path / "a.txt").read_text() == "changed\n"


@pytest.fixture(scope="module")
def half_way(prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> int:
    """The first act before which a run is half done, found by halving."""
    top = tmp_path_factory.mktemp("half")
    repo, patch = prepared.repo, prepared.patch
    low, high = 1, prepared.acts[False]
    while high - low > 1:
        middle = (low + high) // 2
        copy = kill_copy(repo, top / str(middle), patch, middle)
        low, high = (low, middle) if is_half_done(copy, repo.tip()) else (middle, high)
    return high


@pytest.fixture
def half_done(prepared: Prepared, tmp_path: Path, half_way: int) -> tuple[Repo, bytes, str, str]:
    repo = prepared.repo
    copy = kill_copy(repo, tmp_path / "half", prepared.patch, half_way)
    assert is_half_done(copy, repo.tip())
    return copy, prepared.patch, prepared.expected, repo.tip()


def test_an_edit_after_the_crash_is_left_alone(half_done: tuple[Repo, bytes, str, str]) -> None:
    repo, patch, expected, _ = half_done
    assert repo.status() != ""
    repo.write({"a.txt": "precious\n"})
    result = repo.patch(patch)
    assert result.exit_code == 0, result.stderr
    assert result.value["applied"] is True
    assert [one["file"] for one in result.value["conflicts"]] == ["a.txt"]
    assert (repo.path / "a.txt").read_text() == "precious\n"
    assert repo.status() == "M a.txt"
    assert repo.tree() == expected
    repo.assert_tidy()


def test_another_patch_finishes_it_first(half_done: tuple[Repo, bytes, str, str]) -> None:
    repo, _, expected, _ = half_done
    half = repo.tip()
    other = "--- a/t\n+++ b/t\n@@ -1 +1 @@\n-x\n+y\n"
    result = repo.patch(other)
    assert result.exit_code == 0, result.stderr
    assert "was interrupted: finished" in result.stdout
    assert (repo.tip("HEAD^"), repo.tree("HEAD^")) == (half, expected)
    assert repo.status() == ""
    repo.assert_tidy()


def test_a_user_who_put_it_right_is_not_disturbed(half_done: tuple[Repo, bytes, str, str]) -> None:
    repo, patch, expected, _ = half_done
    (repo.path / ".git/index.lock").unlink()
    repo.git("reset", "-q", "--hard")
    repo.git("clean", "-qfd")
    later = repo.commit({"mine": "x\n"})
    result = repo.patch(patch)
    assert result.value["reason"] == "already_applied"
    assert (repo.tip(), repo.status()) == (later, "")
    assert repo.tree("HEAD^") == expected
    repo.assert_tidy()


def test_ref_locks_of_a_killed_git(half_done: tuple[Repo, bytes, str, str]) -> None:
    repo, patch, expected, base = half_done
    (repo.path / ".git/index.lock").unlink()
    repo.git("reset", "-q", "--hard", base)  # as if the kill had come before the branch moved
    repo.git("clean", "-qfd")
    for name in ("refs/heads/main.lock", "HEAD.lock"):
        (repo.path / ".git" / name).write_text("")
    check_finished(repo, patch, expected, base)


def test_two_at_once(repo: Repo, tmp_path: Path) -> None:
    base = repo.tip()
    home = repo.path / ".git/commandcenter"
    home.mkdir()
    patches = []
    for number in (2, 9):
        text = (repo.path / "a.txt").read_text().replace(f"line {number}\n", "x\n", 1)
        repo.write({"a.txt": text})
        patches.append(repo.diff())
    with (home / "patcher.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        scratches = [tmp_path / "one", tmp_path / "two"]
        pairs = zip(scratches, patches, strict=True)
        running = [Killed(scratch, repo, patch).start() for scratch, patch in pairs]
        for process in running:
            wait_until_open(process, home / "patcher.lock")
    codes = sorted(process.wait(timeout=60) for process in running)
    outputs = [json.loads((one / "out/output.json").read_text()) for one in scratches]
    assert codes == [0, 1]
    assert sorted(one["reason"] for one in outputs) == ["", "stale_base"]
    assert repo.tip("HEAD^") == base
    assert repo.status() == ""
    repo.assert_tidy()


# Loaded the same way: somebody else moves the branch just before the patcher does.
MOVER = """
import os, subprocess, sys
moved = False
def hook(event, arguments):
    global moved
    if event == "subprocess.Popen" and not moved:
        words = [os.fsdecode(word) for word in arguments[1]]
        if "update-ref" in words and "refs/heads/main" in words:
            moved = True
            subprocess.run(["git", "update-ref", "refs/heads/main", os.environ["MOVE_TO"]],
                           cwd=os.environ["KILL_IN"], check=True)
sys.addaudithook(hook)
"""


def test_a_branch_that_moves_under_our_hands(repo: Repo, tmp_path: Path) -> None:
    patch, _ = make_change(repo)
    base = repo.tip()
    moved_to = repo.git("commit-tree", "-p", base, "-m", "theirs", repo.tree())
    mover = Killed(tmp_path / "mover", repo, patch)
    (tmp_path / "mover/hook/sitecustomize.py").write_text(MOVER)
    mover.environment["MOVE_TO"] = moved_to
    assert mover.run() == 1
    output = json.loads((tmp_path / "mover/out/output.json").read_text())
    assert (output["applied"], output["reason"]) == (False, "stale_base")
    repo.assert_untouched(moved_to)


def wait_until_open(process: "subprocess.Popen[bytes]", path: Path) -> None:
    """Wait until the process has the file open: it has read the branch and stands at the lock."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert process.poll() is None
        for descriptor in Path(f"/proc/{process.pid}/fd").iterdir():
            try:
                if descriptor.readlink() == path:
                    return
            except FileNotFoundError:
                continue
        time.sleep(0.01)
    raise AssertionError(f"{path} was never opened")
