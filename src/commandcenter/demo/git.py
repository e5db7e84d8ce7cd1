"""The few git commands the demo needs, untouched by the user's and the machine's configuration."""

import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from commandcenter.kit.errors import UnavailableError

_SECONDS = 30.0
_NAME = "CommandCenter Demo"
_EMAIL = "demo@commandcenter.invalid"
_SETTINGS = (
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.autocrlf=false",
    "-c",
    "core.fileMode=false",
    "-c",
    "commit.gpgSign=false",
    "-c",
    "gc.auto=0",
)


class GitUnavailableError(UnavailableError):
    code = "git_unavailable"
    title = "git could not be used"


class Git:
    """Runs git in one repository; raises `GitUnavailableError` when a command fails."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def init(self, branch: str) -> None:
        # Without a template there are no sample hooks, and nothing of the machine's either.
        self._run("init", "--quiet", "--template=", f"--initial-branch={branch}")

    def commit_all(self, message: str, at: int) -> str:
        """Commit the folder as it is and return the commit's name; `at` in seconds, UTC."""
        self._run("add", "--all")
        date = f"{at} +0000"
        self._run(
            "commit",
            "--quiet",
            "--message",
            message,
            environment={"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date},
        )
        return self._run("rev-parse", "HEAD").strip()

    def diff_with(self, commit: str, files: Mapping[str, str]) -> str:
        """The unified diff from `commit` to the same with `files`; the folder is not touched."""
        with tempfile.TemporaryDirectory(prefix="demo-index-") as folder:
            index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
            self._run("read-tree", commit, environment=index)
            for path, text in files.items():
                blob = self._run("hash-object", "-w", "--stdin", text=text).strip()
                self._run("update-index", "--cacheinfo", f"100644,{blob},{path}", environment=index)
            return self._run(
                "diff-index",
                "--cached",
                "--patch",
                "--no-ext-diff",
                "--no-textconv",
                "--full-index",
                commit,
                environment=index,
            )

    def _run(
        self, *arguments: str, text: str = "", environment: Mapping[str, str] | None = None
    ) -> str:
        clean = {
            "PATH": os.environ.get("PATH", os.defpath),
            "LC_ALL": "C",
            "HOME": str(self._path),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_AUTHOR_NAME": _NAME,
            "GIT_AUTHOR_EMAIL": _EMAIL,
            "GIT_COMMITTER_NAME": _NAME,
            "GIT_COMMITTER_EMAIL": _EMAIL,
            **(environment or {}),
        }
        try:
            done = subprocess.run(
                ["git", *_SETTINGS, *arguments],
                cwd=self._path,
                env=clean,
                input=text,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=_SECONDS,
                check=False,
            )
        except FileNotFoundError as error:
            raise GitUnavailableError(
                "git is not installed, so the demo repository could not be made.",
                hint="Install git (for example `apt install git`) and try again.",
            ) from error
        except subprocess.TimeoutExpired as error:
            raise GitUnavailableError(
                f"git {arguments[0]} took more than {_SECONDS:.0f} s in {self._path}.",
                hint="Check that the disk answers, and try again.",
            ) from error
        if done.returncode != 0:
            words = done.stderr.strip().splitlines() or ["no reason given"]
            raise GitUnavailableError(
                f"git {arguments[0]} failed in {self._path}: {words[0]}",
                hint="Check that the folder can be written and that git is version 2.28 or later.",
            )
        return done.stdout
