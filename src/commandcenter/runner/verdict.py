"""How an attempt ended, in words for the user: the same for every runtime of this machine. Pure."""

import signal

from commandcenter.runner.collect import Collected
from commandcenter.runner.request import Ending, JobLimits


def judge(
    limits: JobLimits,
    timeout_seconds: float,
    *,
    ending: Ending | None,
    lost_by: str,
    code: int,
    elapsed: float,
    collected: Collected,
    full: bool,
    overdue: str = "",
) -> tuple[Ending | None, str]:
    """Say why it ended and what to tell; (None, "") of a success.

    `ending` is what the runtime did to it, if anything; `lost_by` owned its process; `full` says
    that a place it may write to was full at the end. `overdue` is `say_overdue`'s, if it was killed
    because it did not end when it was told to.
    """
    if ending is not None:
        return ending, {
            Ending.OUT_OF_MEMORY: (
                f"It needed more than its memory limit of {_mib(limits.memory_bytes)}."
            ),
            Ending.DISK_FULL: (
                f"It was ended because it wrote more than its disk limit of "
                f"{_mib(limits.disk_bytes)}."
            ),
            Ending.TIMEOUT: f"It was stopped at its time limit of {timeout_seconds:g} s.",
            Ending.LOST: f"The {lost_by} was stopped while this attempt ran.",
        }.get(ending, f"It was stopped after {elapsed:.1f} s, as asked{overdue}.")
    if code and full:
        return Ending.DISK_FULL, (
            f"It filled its disk limit of {_mib(limits.disk_bytes)} and exited with {code}."
        )
    if code:
        return Ending.EXIT_CODE, f"The program exited with {code}."
    if collected.not_stored:  # nothing of the program's doing
        return Ending.SYSTEM_ERROR, f"Its results cannot be stored: {collected.not_stored}."
    if collected.problem:
        return Ending.EXIT_CODE, f"The program's result cannot be used: {collected.problem}."
    return None, ""


def say_overdue(grace_seconds: float, stop_signal: int) -> str:
    """Return what is added of a program that was stopped and had to be killed."""
    if grace_seconds <= 0:
        return ": it was killed"
    name = signal.Signals(stop_signal).name
    return f": it did not end within {grace_seconds:g} s of {name} and was killed"


def say_late(timeout_seconds: float) -> str:
    """Return the line of the log that says why the program is being stopped."""
    return f"stopped: the time limit of {timeout_seconds:g} s was reached"


def _mib(size: int) -> str:
    return f"{size / 1024**2:.0f} MiB"
