"""Saying why people are asked again: what differs between two effects, in words."""

from collections.abc import Iterator, Mapping
from typing import Any

from commandcenter.runs.target import BASE_INPUT

_SHORT = 8  # of a commit's id
_MAX_NAMES = 5


def why_asked_again(approval_id: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Return what has changed since the question `approval_id`; both are effect descriptions."""
    reasons = list(_differences(before, now)) or ["what would happen changed"]
    return f"{'; '.join(reasons)} since approval {approval_id}"


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    if before.get("project") != now.get("project"):
        yield "the project changed"
    yield from _target(before.get("target"), now.get("target"))
    yield from _agent(before.get("agent", {}), now.get("agent", {}))
    changed = _changed_inputs(before, now)
    if changed:
        shown = ", ".join(changed[:_MAX_NAMES])
        more = f" and {len(changed) - _MAX_NAMES} more" if len(changed) > _MAX_NAMES else ""
        yield f"the inputs changed ({shown}{more})"


def _target(before: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> Iterator[str]:
    if before == now:
        return
    if now is None:
        yield f"{_branch(before)} is gone"
    elif before is None:
        yield f"{_branch(now)} has appeared, at {now['commit'][:_SHORT]}"
    elif before.get("branch") != now.get("branch"):
        old, new = (f"{_branch(one)} at {one['commit'][:_SHORT]}" for one in (before, now))
        yield f"{new} is checked out instead of {old}"
    else:
        old, new = before["commit"][:_SHORT], now["commit"][:_SHORT]
        yield f"{_branch(now)} moved from {old} to {new}"


def _branch(target: Mapping[str, Any] | None) -> str:
    return (target or {}).get("branch") or "the detached HEAD"


def _agent(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    def named(agent: Mapping[str, Any]) -> str:
        return f"{agent.get('name')}@{agent.get('version')}"

    if named(before) != named(now):
        yield f"the agent changed from {named(before)} to {named(now)}"
    elif before.get("digest") != now.get("digest"):
        yield f"the content of agent {named(now)} changed"


def _changed_inputs(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Names of inputs; the commit that was filled in for the agent is told as the target."""
    old, new = _given(before), _given(now)
    return sorted(
        name
        for name in old.keys() | new.keys()
        if (name in old) != (name in new) or old.get(name) != new.get(name)
    )


def _given(effect: Mapping[str, Any]) -> Mapping[str, Any]:
    inputs: Mapping[str, Any] = effect.get("inputs", {})
    target = effect.get("target")
    if target and inputs.get(BASE_INPUT) == target["commit"]:
        return {name: value for name, value in inputs.items() if name != BASE_INPUT}
    return inputs
