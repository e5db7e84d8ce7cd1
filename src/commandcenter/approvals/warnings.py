"""What can be told from an effect alone and should be known before deciding about it."""

from collections.abc import Iterator, Mapping
from typing import Any

from commandcenter.approvals.check import CheckOutcome

_BRANCH_INPUT = "targetBranch"


def warnings(effect: Mapping[str, Any]) -> Iterator[str]:
    """Yield sentences: why people are asked again, and what will make the agent refuse.

    What the agent itself found out beforehand is worth more than what is guessed here.
    """
    if reason := effect.get("asked_again"):
        yield f"asked again: {reason}"
    check = effect.get("check")
    if check and check["outcome"] == CheckOutcome.POSSIBLE.value:
        if check["files"] == []:
            yield f"checked beforehand, and no file would change: {check['message']}"
        return
    if check:
        yield (
            "it could not be checked beforehand, so that it may turn out to be impossible: "
            f"{check['message']}"
        )
    project = effect.get("project")
    applies = effect["agent"].get("workspace") == "write" and effect.get("diff_input")
    if project is None or not applies:
        return
    branch = effect["inputs"].get(_BRANCH_INPUT)
    target = effect.get("target")
    if target is None and branch:
        yield f"there is no branch {branch!r} in {project['path']}: the agent will refuse"
    elif target is None:
        yield (
            f"{project['path']} is not the top folder of a git repository with a commit: "
            "the agent will refuse"
        )
    elif target.get("branch") is None:
        yield (
            "no branch is checked out (detached HEAD) and the inputs name none in "
            f"{_BRANCH_INPUT}: the agent will refuse"
        )
