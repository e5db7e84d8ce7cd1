"""What is made of an ended container: why it ended, its results, its last words."""

import os
import shutil
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from commandcenter.kit.redaction import Redactor
from commandcenter.runner.collect import Collected, collect
from commandcenter.runner.plan import remove_planted_redirection
from commandcenter.runner.request import Ending, Outcome
from commandcenter.runner.verdict import judge, say_overdue
from commandcenter.runtimes.docker.places import Places
from commandcenter.runtimes.docker.record import Record, read_ending, read_grace
from commandcenter.runtimes.docker.use import Use

_SIGNALLED = 128
_KILLED = (_SIGNALLED + signal.SIGKILL, _SIGNALLED + signal.SIGTERM, 255)
_STOPPING_SECONDS = 30.0  # how long before it was away an engine may have ended containers
_OUTSIDE = "It was ended from outside: the container engine or its container was stopped."
_UNKNOWN = "The container engine does not know it any more: its container was removed."
_WITHHELD = (
    "the rest of the log is withheld: the values to be hidden in it were kept in memory, and the "
    "machine was restarted"
)
_RESULTS_WITHHELD = "the values to be hidden in them were lost when the machine restarted"


@dataclass(frozen=True, slots=True)
class Case:
    """All that is known of an attempt whose container does not run any more."""

    places: Places
    record: Record
    redactor: Redactor | None  # None: what is to be hidden is not known any more
    use: Use  # the last seen
    told: dict[str, Any] | None  # the engine's inspection; None if it does not know it
    tmp_is_full: bool
    was_signalled: bool  # by somebody else than us
    away_since: datetime | None  # since when the engine was away, if it was


async def conclude(case: Case, say: Callable[[str], None]) -> Outcome:
    """Collect the results and judge; may be called again if its outcome was not stored."""
    record, state = case.record, case.told["State"] if case.told else {}
    started = moment(state.get("StartedAt"))
    finished = max(started, moment(state.get("FinishedAt")))
    code = int(state.get("ExitCode", 0))
    ending = _ending(case, code, finished)
    full = case.tmp_is_full or _out_is_full(case)
    collected = await _collect(case)
    git = record.git_directory
    if git and not record.had_redirection and remove_planted_redirection(git):
        say("removed .git/commondir, which the program had planted")
    if case.redactor is None:
        say(_WITHHELD)
    reason, message = judge(
        record.limits,
        record.timeout_seconds,
        ending=ending,
        lost_by="container engine",
        code=code,
        elapsed=(finished - started).total_seconds(),
        collected=collected,
        full=full,
        overdue=_overdue(case, code),
    )
    if ending is Ending.LOST:
        message = _OUTSIDE if case.told else _UNKNOWN
    if reason is not None and reason is not Ending.EXIT_CODE:
        say(message)
    for note in collected.notes:
        say(note)
    return Outcome(
        exit_code=None if ending else code,
        reason=reason,
        message=message,
        started_at=started,
        finished_at=finished,
        cpu_seconds=case.use.cpu_seconds,
        memory_peak_bytes=case.use.memory_peak_bytes,
        has_output=collected.has_output,
        has_artifacts=collected.has_artifacts,
    )


def _overdue(case: Case, code: int) -> str:
    grace = read_grace(case.places, case.record.attempt_id)
    if grace is None or code != _SIGNALLED + signal.SIGKILL:
        return ""
    return say_overdue(grace, case.record.stop_signal)


def _ending(case: Case, code: int, finished: datetime) -> Ending | None:
    """What was done to it, if anything."""
    decided = read_ending(case.places, case.record.attempt_id)
    if decided is not None:
        return decided
    if case.told is None:
        return Ending.LOST
    if case.told["State"].get("OOMKilled"):
        return Ending.OUT_OF_MEMORY
    return Ending.LOST if _ended_from_outside(case, code, finished) else None


def _ended_from_outside(case: Case, code: int, finished: datetime) -> bool:
    if code not in (*_KILLED, _SIGNALLED + case.record.stop_signal):
        return False
    if case.was_signalled or case.away_since is None:
        return case.was_signalled
    return (case.away_since - finished).total_seconds() < _STOPPING_SECONDS


async def _collect(case: Case) -> Collected:
    if case.record.is_service or case.told is None:  # a service has no results
        return Collected()
    if case.redactor is None:
        return Collected(not_stored=_RESULTS_WITHHELD)
    identifier = case.record.attempt_id
    artifacts = case.places.artifacts(identifier)
    shutil.rmtree(artifacts, ignore_errors=True)  # of a hub that was killed while it collected
    place = case.places.inside(identifier, "out")
    try:
        out = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            return await collect(
                out,
                output=case.places.output(identifier),
                artifacts=artifacts,
                redactor=case.redactor,
                limit_bytes=case.record.limits.disk_bytes,
            )
        finally:
            os.close(out)
    except OSError as error:
        return Collected(not_stored=error.strerror or str(error))


def _out_is_full(case: Case) -> bool:
    limit = case.record.limits.disk_bytes
    out = case.places.inside(case.record.attempt_id, "out")
    return not case.record.is_service and size_of(out, limit) > limit


def size_of(directory: Path, enough: int) -> int:
    """Bytes on the disk below a directory; links are not followed. Stops counting at `enough`."""
    total, left = 0, [str(directory)]
    while left and total <= enough:
        with suppress(OSError), os.scandir(left.pop()) as entries:
            for entry in entries:
                with suppress(OSError):
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        left.append(entry.path)
    return total


def moment(text: str | None) -> datetime:
    """A time of the engine's; now if it has none yet."""
    if not text or text.startswith("0001"):
        return datetime.now(UTC)
    return datetime.fromisoformat(text).astimezone(UTC)
