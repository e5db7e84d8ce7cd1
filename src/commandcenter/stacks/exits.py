"""What the end of an attempt, or the failure to start it, means: passing or not, in words."""

import asyncio
import re
import signal
from pathlib import Path

from commandcenter.kit.disk import DiskFullError
from commandcenter.kit.errors import ProblemError
from commandcenter.kit.segment_reader import SYSTEM_STREAM, SegmentReader
from commandcenter.runtimes.base import Handle
from commandcenter.runtimes.errors import (
    ImageUnavailableError,
    RuntimeAwayError,
    ServiceConflictError,
)
from commandcenter.runtimes.results import AttemptResult, FailureReason
from commandcenter.stacks.cannot_run import why_it_cannot_run
from commandcenter.stacks.errors import LimitNotAppliedError, VolumeGoneError
from commandcenter.stacks.member import Exit, Member
from commandcenter.stacks.prepared import Check, CommandCheck, HttpCheck, PostgresCheck, RedisCheck

_NEVER_RUNS = frozenset({126, 127})  # not executable, not found
_SIGNALLED = 128
_CRASHES = frozenset({signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE})
_MAX_WORDS = 300
_LOOKED_AT = 5
_NO_MEMORY = re.compile(
    r"\bMemoryError\b|bad_alloc|cannot allocate memory|out of memory", re.IGNORECASE
)
_PASSING = (ServiceConflictError, RuntimeAwayError)


def of_start(error: Exception) -> Exit:
    """Why a start failed. The network, a runner that is just away and such pass by themselves."""
    if isinstance(error, ProblemError):
        words = f"{error.detail} {error.hint or ''}".strip()
        passing = isinstance(error, _PASSING)
        if isinstance(error, ImageUnavailableError):
            passing = error.is_passing
        return Exit(
            succeeded=False,
            is_passing=passing,
            words=words,
            is_final=isinstance(error, LimitNotAppliedError | VolumeGoneError),
            is_away=isinstance(error, RuntimeAwayError),
        )
    passing = isinstance(error, OSError) and not isinstance(error, DiskFullError)
    return Exit(succeeded=False, is_passing=passing, words=f"It could not be started: {error}")


async def of_result(
    result: AttemptResult,
    handle: Handle,
    *,
    in_image: bool = False,
    memory_bytes: int | None = None,
) -> Exit:
    """How the process ended, with its last words.

    `in_image`: it ran in a container image. `memory_bytes` is its limit, told of a program that
    says that it got no memory.
    """
    if result.reason is None:
        return Exit(succeeded=True, is_passing=True, words="It ended.", exit_code=0, cause="ended")
    code, cause = result.exit_code, result.reason.value
    if result.reason is FailureReason.EXIT_CODE:
        last, said = await asyncio.to_thread(_last_words, handle)
        unable = why_it_cannot_run(last or said, in_image=in_image)
        words = _how(code, f"{last}. {said}" if last and said else last or said)
        return Exit(
            succeeded=False,
            is_passing=code not in _NEVER_RUNS and unable is None,
            words=unable or with_limit(words, memory_bytes),
            exit_code=code,
            cause=cause,
        )
    words = result.message or f"It ended: {result.reason.value}."
    if result.reason is FailureReason.OUT_OF_MEMORY:
        last, _ = await asyncio.to_thread(_last_words, handle)  # the runtime said the same
        words = f"It was killed (SIGKILL). {words}{_besides(last)}"
    passing = result.reason not in {FailureReason.OUT_OF_MEMORY, FailureReason.DISK_FULL}
    return Exit(
        succeeded=False,
        is_passing=passing,
        words=words,
        exit_code=code,
        cause=cause,
    )


def with_limit(words: str, memory_bytes: int | None) -> str:
    """Return the words, with the limit of memory if the program's last are that it got none.

    Where there is no cgroup each process is refused memory at twice the limit, and by its end
    nobody but itself says so.
    """
    if memory_bytes is None or not _NO_MEMORY.search(words):
        return words
    return f"{words.rstrip('.')}. Its memory limit is {memory_bytes / 1024**2:.0f} MiB."


def of_health(member: Member, check: Check | None, last_answer: str) -> Exit:
    """Why a service was ended whose checks failed: what was asked, how often, what it said."""
    asked = f", {_asked(check)}," if check is not None else ""
    times = f" {member.misses} times in a row" if member.misses > 1 else ""
    answer = last_answer.rstrip(".") or "none"
    words = f"Its health check{asked} failed{times}; the last answer: {answer}."
    if not member.was_healthy:
        words += " It never was healthy, so it is not started again by itself."
    return Exit(succeeded=False, is_passing=member.was_healthy, words=words, cause="unhealthy")


def _asked(check: Check) -> str:
    match check:
        case CommandCheck():
            return "the test command"  # its arguments may hold a password
        case HttpCheck():
            return f"GET http://localhost:{check.port}{check.path}"
        case RedisCheck():
            return f"PING to port {check.port}"
        case PostgresCheck():
            return f"the start of a session on port {check.port}"
        case _:
            return f"a connection to port {check.port}"


def _how(code: int | None, last: str) -> str:
    """Say how it ended. What a signal ends has its number above 128 as exit code."""
    number = (code or 0) - _SIGNALLED
    if number == signal.SIGKILL:
        return f"It was killed (SIGKILL).{_besides(last)}"
    if number in _CRASHES:
        return f"It crashed ({signal.Signals(number).name}).{_besides(last)}"
    return f"It exited with {code}: {last}" if last else f"It exited with {code}."


def _besides(last: str) -> str:
    return f" Its last words: {last}" if last else ""


def _last_words(handle: Handle) -> tuple[str, str]:
    """Return the last line of the process, and what the runtime said of it afterwards."""
    directory = handle.data.get("log_directory")
    if not isinstance(directory, str):
        return "", ""
    try:
        records = SegmentReader(Path(directory)).tail(_LOOKED_AT)
    except OSError:
        return "", ""
    said = ""  # by the runtime, of that
    for record in reversed(records):
        words = " ".join(record.text.split())[:_MAX_WORDS]
        if words and record.stream != SYSTEM_STREAM:
            return words, said
        said = words or said
    return "", said
