"""A real git repository for the patcher's tests, and the patcher run on it."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from commandcenter_agent.testing import Result, run_agent

AGENT = Path(__file__).resolve().parent.parent

ENVIRONMENT = {
    "PATH": os.environ.get("PATH", os.defpath),
    "HOME": "/nonexistent",
    "LC_ALL": "C.UTF-8",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
    "GIT_AUTHOR_DATE": "2024-01-01T00:00:00Z",
    "GIT_COMMITTER_DATE": "2024-01-01T00:00:00Z",
}


@dataclass(frozen=True)
class Repo:
    path: Path

    @classmethod
    def create(cls, path: Path, *options: str) -> "Repo":
        path.mkdir(parents=True, exist_ok=True)
        repo = cls(path)
        repo.git("init", "-q", "-b", "main", *options)
        return repo

    def git_bytes(self, *arguments: str, stdin: bytes = b"") -> bytes:
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.path,
            env=ENVIRONMENT,
            input=stdin,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, (arguments, done.stderr)
        return done.stdout

    def git(self, *arguments: str, stdin: bytes = b"") -> str:
        return os.fsdecode(self.git_bytes(*arguments, stdin=stdin)).strip()

    def write(self, files: Mapping[str, str | bytes | None]) -> None:
        """Write files; None deletes."""
        for name, content in files.items():
            path = self.path / name
            if content is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)

    def commit(self, files: Mapping[str, str | bytes | None], message: str = "x") -> str:
        self.write(files)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.tip()

    def tip(self, name: str = "HEAD") -> str:
        return self.git("rev-parse", f"{name}^{{commit}}")

    def tree(self, name: str = "HEAD") -> str:
        return self.git("rev-parse", f"{name}^{{tree}}")

    def diff(self, *options: str) -> bytes:
        """Everything that differs from HEAD, as a patch; and take it back again."""
        self.git("add", "-A")
        patch = self.git_bytes("diff", "--cached", "--binary", "-M", *options)
        self.git("reset", "-q", "--hard")
        return patch

    def status(self) -> str:
        return self.git("status", "--porcelain", "--ignored")

    def backups(self) -> list[str]:
        return self.git(
            "for-each-ref", "--format=%(refname)", "refs/commandcenter/backups/"
        ).splitlines()

    def patch(self, patch: str | bytes | None = None, **inputs: Any) -> Result:
        if patch is not None:
            text = patch if isinstance(patch, str) else patch.decode("utf-8", "surrogateescape")
            inputs["patchContent"] = text
        inputs.setdefault("repositoryPath", str(self.path))
        return run_agent(AGENT, inputs, self.path)

    def assert_untouched(self, tip: str, status: str = "") -> None:
        """Nothing happened: same commit, same files, no backup, nothing of ours left."""
        assert self.tip() == tip
        assert self.status() == status
        assert self.backups() == []
        self.assert_tidy()

    def assert_tidy(self) -> None:
        """No lock, no journal, no staged files, and the objects are sound."""
        git_directory = self.path / self.git("rev-parse", "--git-common-dir")
        home = git_directory / "commandcenter"
        if home.exists():
            assert [one.name for one in home.iterdir()] == ["patcher.lock"]
        locks = {one.name for one in git_directory.rglob("*.lock")}
        assert locks <= {"patcher.lock"}
        self.git("fsck", "--strict", "--no-dangling")


def first_commit(path: Path) -> Repo:
    """One commit on `main`, checked out."""
    made = Repo.create(path)
    made.commit({"a.txt": "".join(f"line {n}\n" for n in range(1, 21)), "keep/b.txt": "b\n"})
    return made
