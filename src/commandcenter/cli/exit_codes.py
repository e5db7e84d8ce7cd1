"""What the exit codes of every command mean: the one table, also for the documentation."""

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Any, Final


class ExitCode(IntEnum):
    OK = 0
    FAILED = 1
    USAGE = 2
    WAITING = 3
    CANCELLED = 4
    UNREACHABLE = 5
    NOT_ALLOWED = 6
    NOT_FOUND = 7
    CONFLICT = 8
    TIMED_OUT = 9
    INTERRUPTED = 130


MEANINGS: Final[Mapping[ExitCode, str]] = MappingProxyType(
    {
        ExitCode.OK: "Done; with a run: it succeeded.",
        ExitCode.FAILED: "The run failed, findings reach --fail-on, a check of doctor failed, "
        "or the hub had an error of its own.",
        ExitCode.USAGE: "The command line, an input or a definition is not valid.",
        ExitCode.WAITING: "The run waits for an approval, and the command was told not to wait.",
        ExitCode.CANCELLED: "The run was cancelled (`runs cancel --wait` ends with 0 then).",
        ExitCode.UNREACHABLE: "The hub cannot be reached, or could not start.",
        ExitCode.NOT_ALLOWED: "Not signed in, or not allowed.",
        ExitCode.NOT_FOUND: "There is nothing of that name or id.",
        ExitCode.CONFLICT: "In conflict with the present state: already decided, ended, taken.",
        ExitCode.TIMED_OUT: "--timeout has passed; the run goes on.",
        ExitCode.INTERRUPTED: "Interrupted by Ctrl-C; a run that was followed goes on.",
    }
)

_BY_STATUS = {
    401: ExitCode.NOT_ALLOWED,
    403: ExitCode.NOT_ALLOWED,
    404: ExitCode.NOT_FOUND,
    409: ExitCode.CONFLICT,
    502: ExitCode.UNREACHABLE,
    503: ExitCode.UNREACHABLE,
    504: ExitCode.UNREACHABLE,
}
_FIRST_SERVER_ERROR = 500


def for_status(status: int) -> ExitCode:
    """Return the exit code for a problem document's HTTP status."""
    known = _BY_STATUS.get(status)
    if known is not None:
        return known
    return ExitCode.FAILED if status >= _FIRST_SERVER_ERROR else ExitCode.USAGE


_BY_RUN_STATE = {
    "succeeded": ExitCode.OK,
    "failed": ExitCode.FAILED,
    "cancelled": ExitCode.CANCELLED,
}


def for_run(run: Mapping[str, Any]) -> ExitCode:
    """Return what a run's state comes to: 9 while it is under way, 3 while it waits for people."""
    ended = _BY_RUN_STATE.get(run["state"])
    if ended is not None:
        return ended
    pending = any(approval["state"] == "pending" for approval in run.get("approvals", ()))
    return ExitCode.WAITING if pending else ExitCode.TIMED_OUT
