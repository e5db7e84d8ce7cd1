"""The commit that a change would be made on: part of what an approval is bound to."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from commandcenter.kit.processes import run_program
from commandcenter.projects.git_facts import git_environment

_TIMEOUT_SECONDS = 10.0
_BRANCH_INPUT = "targetBranch"
BASE_INPUT = "expectedBase"


@dataclass(frozen=True, slots=True)
class Target:
    branch: str | None  # None: detached
    commit: str

    def to_json(self) -> dict[str, Any]:
        return {"branch": self.branch, "commit": self.commit}


async def find_target(path: Path, inputs: Mapping[str, Any]) -> Target | None:
    """Return the tip of `targetBranch`, or of what is checked out; None where there is no commit.

    A branch that does not exist is no target: the agent will say so in its own words.
    """
    wanted = inputs.get(_BRANCH_INPUT)
    if isinstance(wanted, str) and wanted:
        branch: str | None = wanted.removeprefix("refs/heads/")
        commit = await _git(path, "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}^0")
    else:
        branch = await _git(path, "symbolic-ref", "--quiet", "--short", "HEAD")
        commit = await _git(path, "rev-parse", "--verify", "--quiet", "HEAD^0")
    return Target(branch=branch, commit=commit) if commit else None


async def _git(path: Path, *arguments: str) -> str | None:
    command = ("git", "-c", "core.fsmonitor=false", "-C", str(path), *arguments)
    environment = {**git_environment(), "GIT_CEILING_DIRECTORIES": str(path.parent)}
    try:
        done = await run_program(*command, seconds=_TIMEOUT_SECONDS, environment=environment)
    except TimeoutError:
        return None
    if done.code != 0:
        return None
    return done.output.decode(errors="replace").strip() or None
