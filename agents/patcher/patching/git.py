"""Run git so that nothing in the repository, the machine or the environment is executed."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

GIT_SECONDS = 300.0
_IDENTITY = ("CommandCenter patcher", "patcher@commandcenter.invalid")

# Said on every command line, where they win over the repository's own configuration.
_SAFE = (
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.untrackedCache=false",
    "core.splitIndex=false",
    "core.attributesFile=/dev/null",
    "core.excludesFile=/dev/null",
    "core.protectHFS=true",
    "core.protectNTFS=true",
    "core.fsync=committed,loose-object,index",
    "core.logAllRefUpdates=true",
    "safe.directory=*",
    "gc.auto=0",
    "diff.renameLimit=2000",
    "advice.detachedHead=false",
)


class GitError(Exception):
    """git said no; `stderr` is its reason."""

    def __init__(self, command: str, exit_code: int, stderr: str) -> None:
        first = next((line for line in stderr.splitlines() if line.strip()), "no reason given")
        super().__init__(f"git {command} failed ({exit_code}): {first}")
        self.exit_code = exit_code
        self.stderr = stderr


@dataclass(frozen=True, slots=True)
class Git:
    """git with one fixed set of directories. `variables` are GIT_DIR and its like."""

    directory: Path  # where it runs
    variables: Mapping[str, str] = field(default_factory=dict)

    def with_index(self, index: Path) -> "Git":
        return Git(self.directory, {**self.variables, "GIT_INDEX_FILE": str(index)})

    def attempt(
        self, *arguments: str | bytes, stdin: bytes = b""
    ) -> "subprocess.CompletedProcess[bytes]":
        """Run git and return however it ended."""
        settings = [word for setting in _SAFE for word in ("-c", setting)]
        try:
            return subprocess.run(
                ["git", "--no-pager", "--literal-pathspecs", *settings, *arguments],
                cwd=self.directory,
                env=self._environment(),
                input=stdin,
                capture_output=True,
                timeout=GIT_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            command = os.fsdecode(arguments[0])
            raise GitError(command, -1, f"no end after {GIT_SECONDS:.0f} seconds") from None
        except FileNotFoundError:
            raise GitError("", 127, "git is not installed here; install it") from None

    def run(self, *arguments: str | bytes, stdin: bytes = b"") -> bytes:
        """Run git and return its standard output. Raises `GitError` unless it exits with 0."""
        done = self.attempt(*arguments, stdin=stdin)
        if done.returncode != 0:
            stderr = done.stderr.decode(errors="backslashreplace")
            raise GitError(os.fsdecode(arguments[0]), done.returncode, stderr)
        return done.stdout

    def text(self, *arguments: str | bytes, stdin: bytes = b"") -> str:
        return os.fsdecode(self.run(*arguments, stdin=stdin)).strip()

    def _environment(self) -> dict[str, str]:
        name, mail = _IDENTITY
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": "/nonexistent",
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_SYSTEM": "/dev/null",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_ALLOW_PROTOCOL": "none",  # a partial clone would fetch, by a program of its choice
            "GIT_EDITOR": "false",
            "GIT_AUTHOR_NAME": name,
            "GIT_AUTHOR_EMAIL": mail,
            "GIT_COMMITTER_NAME": name,
            "GIT_COMMITTER_EMAIL": mail,
            **self.variables,
        }


def split_nul(data: bytes) -> Sequence[bytes]:
    """Split the output of a `-z` command."""
    return data.split(b"\0")[:-1] if data else []
