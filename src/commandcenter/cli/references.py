"""Ids as people type them: whole, a beginning that is unique, or `latest`."""

import re
from collections.abc import Iterable
from typing import Any

from commandcenter.cli.client import HubClient
from commandcenter.cli.problems import AmbiguousLatestError, NothingFoundError, UsageProblemError

LATEST = "latest"
_WHOLE = re.compile(r"^[a-z]{3}_[0-9a-z]{14}$")
_LOOKED_AT = 2000
_SHOWN = 5
_LISTED = 15


def run_id(client: HubClient, given: str) -> str:
    """Return the id of a run."""
    if given == LATEST:
        return _newest(client.pages("/runs", limit=1), "run", "commandcenter run WORKFLOW")
    if _WHOLE.match(given):
        return given
    return _unique("run", given, client.pages("/runs", limit=_LOOKED_AT))


def approval_id(client: HubClient, given: str, *, pending: bool = False) -> str:
    """Return the id of an approval; `latest` is the newest, with `pending` the only open one."""
    if given == LATEST:
        if pending:
            return _only_pending(client)
        return _newest(client.pages("/approvals", limit=1), "approval", "commandcenter runs list")
    if _WHOLE.match(given):
        return given
    return _unique("approval", given, client.pages("/approvals", limit=_LOOKED_AT))


def named(kind: str, given: str, items: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return the item of that name or id, or the only one whose id begins like that."""
    found = list(items)
    for item in found:
        if given in (item["id"], item.get("name")):
            return item
    wanted = _unique(kind, given, found)
    return next(item for item in found if item["id"] == wanted)


def _only_pending(client: HubClient) -> str:
    """Return the open approval if there is but one: nobody shall decide what they did not see."""
    items = list(client.pages("/approvals", limit=_LOOKED_AT, state="pending"))
    if not items:
        raise NothingFoundError("Nothing waits for a decision.", hint="commandcenter approvals")
    if len(items) == 1:
        return str(items[0]["id"])
    raise AmbiguousLatestError(
        f"{len(items)} approvals are pending, and '{LATEST}' could be any of them. "
        "Nothing was decided.",
        hint="Look at one with commandcenter approvals show ID, then give that id.",
        fields={
            "errors": [
                {"path": item["id"], "message": _described(item)} for item in items[:_LISTED]
            ]
            + ([{"message": f"and {len(items) - _LISTED} more"}] if len(items) > _LISTED else [])
        },
    )


def _described(item: dict[str, Any]) -> str:
    on = f" on {item['project']}" if item["project"] else ""
    return f"{item['workflow']}/{item['node']}{on}, asked by run {item['run_id']}"


def _newest(items: Iterable[dict[str, Any]], kind: str, next_step: str) -> str:
    for item in items:
        return str(item["id"])
    raise NothingFoundError(f"There is no {kind} yet.", hint=next_step)


def _unique(kind: str, given: str, items: Iterable[dict[str, Any]]) -> str:
    if not given.strip():
        raise UsageProblemError(
            f"The id of the {kind} is empty.",
            hint=f"Give the id, the beginning of it, or '{LATEST}'.",
        )
    _, underscore, rest = given.partition("_")
    if underscore and not rest:
        raise UsageProblemError(
            f"{given[:100]!r} tells no {kind} from another.",
            hint=f"Type more of the id, or '{LATEST}'.",
        )
    matches = [
        item["id"]
        for item in items
        if (item["id"] if underscore else item["id"].partition("_")[2]).startswith(given)
    ]
    if not matches:
        raise NothingFoundError(
            f"There is no {kind} whose id begins with {given[:100]!r}.",
            hint=f"'{LATEST}' is the newest one.",
        )
    if len(matches) > 1:
        shown = ", ".join(matches[:_SHOWN]) + (", ..." if len(matches) > _SHOWN else "")
        raise UsageProblemError(
            f"{len(matches)} {kind}s begin with {given!r}: {shown}", hint="Type more of the id."
        )
    return str(matches[0])
