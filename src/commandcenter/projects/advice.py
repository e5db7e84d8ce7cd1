"""What a folder lacks for agents that work on a git repository: told when it is added."""

import os
from collections.abc import Callable
from pathlib import Path

from commandcenter.projects.git_facts import read_git_facts

_NEEDED = "Agents that change a project, as the patcher does, need the top folder of a git "
_NEEDED += "repository with a commit"


def advice_about(folder: Path, *, may_name: Callable[[Path], bool]) -> list[str]:
    """Return warnings in words, empty for a repository with a commit. Never raises.

    `may_name` says whether a folder above may be told of. Takes at most about ten seconds.
    """
    facts = read_git_facts(folder, with_state=False)
    if facts.is_repository:
        if facts.head_commit is not None:
            return []
        return [f"{_NEEDED}: the repository {folder} has no commit yet. Make one."]
    if facts.problem is not None:
        return [f"{_NEEDED}: git cannot read {folder}: {facts.problem}"]
    around = next(
        (one for one in folder.parents if may_name(one) and os.path.lexists(one / ".git")), None
    )
    if around is not None:
        return [f"{_NEEDED}: {folder} is inside the repository {around}. Add that one instead."]
    # One that may not be told of may lie around it: nothing here says that there is none.
    return [
        f"{_NEEDED}: {folder} is no git repository of its own. If it lies inside one, add the top "
        "folder of that instead; else make it one: git init, and commit."
    ]
