"""How the end of a service is told: by what ended it, and its last words besides."""

from dataclasses import replace

import pytest

from commandcenter.kit.clock import utc_now
from commandcenter.runtimes.base import Handle
from commandcenter.runtimes.results import AttemptResult, FailureReason
from commandcenter.stacks import member as members
from commandcenter.stacks.cannot_run import why_it_cannot_run
from commandcenter.stacks.exits import _how, of_health, of_result, with_limit
from commandcenter.stacks.member import Exit, Member
from commandcenter.stacks.model import RestartPolicy
from commandcenter.stacks.prepared import Check, CommandCheck, HttpCheck, TcpCheck
from commandcenter.stacks.states import ServiceState


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (3, "It exited with 3: going away"),
        (137, "It was killed (SIGKILL). Its last words: going away"),
        (139, "It crashed (SIGSEGV). Its last words: going away"),
        (143, "It exited with 143: going away"),
    ],
)
def test_what_ended_a_service_comes_before_its_last_words(code: int, words: str) -> None:
    assert _how(code, "going away") == words
    assert _how(code, "").endswith((f"{code}.", "(SIGKILL).", "(SIGSEGV)."))


async def test_out_of_memory_is_told_as_such() -> None:
    now = utc_now()
    why = "It needed more than its memory limit of 64 MiB."
    result = AttemptResult(137, FailureReason.OUT_OF_MEMORY, why, now, now)
    found = await of_result(result, Handle("fake", "prj.web.1"))
    assert (found.words, found.is_passing) == (f"It was killed (SIGKILL). {why}", False)


def test_a_program_that_gets_no_memory_is_told_with_its_limit() -> None:
    words = "It exited with 1: MemoryError"
    assert with_limit(words, 64 * 1024**2) == f"{words}. Its memory limit is 64 MiB."
    assert with_limit(words, None) == words
    assert with_limit("It exited with 1: no MemoryErrors", 64 * 1024**2).endswith("Errors")


def test_without_a_restart_policy_its_end_is_told_in_whole_sentences() -> None:
    running = Member("web", RestartPolicy(), state=ServiceState.HEALTHY, number=1, was_healthy=True)
    exit_ = Exit(succeeded=False, is_passing=True, words="It exited with 3: going away")
    found = members.ended(running, 1.0, exit_)
    assert found.message == (
        'It exited with 3: going away. It is not started again: its restart policy is "no".'
    )


@pytest.mark.parametrize(
    ("check", "asked"),
    [
        (HttpCheck(8000, "/health"), ", GET http://localhost:8000/health,"),
        (CommandCheck(("redis-cli", "-a", "hidden", "ping")), ", the test command,"),
        (TcpCheck(5672), ", a connection to port 5672,"),
        (None, ""),
    ],
)
def test_of_health_it_is_told_what_was_asked_how_often_and_what_follows(
    check: Check | None, asked: str
) -> None:
    member = Member("web", RestartPolicy(), state=ServiceState.UNHEALTHY, number=1, misses=3)
    found = of_health(member, check, "no answer within 2 s")
    failed = f"Its health check{asked} failed 3 times in a row"
    assert found.words == (
        f"{failed}; the last answer: no answer within 2 s. "
        "It never was healthy, so it is not started again by itself."
    )
    assert members.ended(member, 1.0, found).state is ServiceState.FAILED

    was_well = replace(member, was_healthy=True)
    told = members.ended(was_well, 1.0, of_health(was_well, check, "")).message
    assert told == (
        f'{failed}; the last answer: none. It is not started again: its restart policy is "no".'
    )


_OCI = "OCI runtime create failed: runc create failed: unable to start container process: "


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("bwrap: execvp mend: No such file or directory", "mend is not on this machine. Install"),
        ("bwrap: execvp /a b/x: Permission denied", "/a b/x may not be executed."),
        ("[FATAL tini (7)] exec ./x failed: No such file or directory", "./x is not on this mach"),
        ("[FATAL tini (7)] exec ./x failed: Permission denied", "./x may not be executed."),
        ("[FATAL tini (7)] exec ./x failed: Exec format error", "./x is no program that"),
        (f'{_OCI}exec: "x": executable file not found in $PATH: unknown', "x is not on this"),
        (f'{_OCI}exec: "/x": stat /x: no such file or directory: unknown', "/x is not on this"),
        (f'{_OCI}exec: "/x": permission denied: unknown', "/x may not be executed."),
        ("exec /x: exec format error", "/x is no program that"),
        ("crun: executable file `x` not found in $PATH: No such file or directory", "x is not on"),
        ("/x: 1: \x7fELF\x02: not found", "/x is no program that"),
    ],
)
def test_raw_words_of_what_cannot_run_are_put_in_ours(said: str, why: str) -> None:
    told = why_it_cannot_run(said, in_image=False)
    assert told is not None
    assert told.startswith(f"Its command {why}")
    assert "correct the command." in told


def test_what_cannot_run_was_looked_for_in_the_image_and_other_words_are_left() -> None:
    said = "[FATAL tini (7)] exec ./x failed: No such file or directory"
    assert why_it_cannot_run(said, in_image=True) == (
        "Its command ./x is not in the image, or is a script whose interpreter is not there. "
        "Use an image that has it, or correct the command."
    )
    own = 'exec: "git": executable file not found in $PATH'  # of the program itself
    assert why_it_cannot_run(own, in_image=True) is None
