"""What commands say of stacks: what waits for a restart, what failed, and what to do next."""

from pathlib import Path
from typing import Any

import pytest

from commandcenter.cli.exit_codes import ExitCode
from commandcenter.cli.options import project_name
from commandcenter.cli.problems import (
    HubProblemError,
    NoSuchServiceError,
    UsageProblemError,
    describe,
)
from commandcenter.cli.project_fork import titled
from commandcenter.cli.project_set import _bytes, _cpus, _limit_names, _only_port, _port
from commandcenter.cli.session import Cli, GlobalOptions
from commandcenter.cli.show_problem import problem_lines as error_lines
from commandcenter.cli.stack_view import service_rows
from commandcenter.cli.stack_wait import (
    _conclude,
    already,
    interruptible,
    is_over,
    narrowed,
    restarted_with,
    still_awaited,
    waits_for_engine,
)
from commandcenter.cli.stack_words import failures, problem_lines, remarks, runtime_words, waiting
from commandcenter.runtimes.docker.engine import Engine
from commandcenter.stacks.compose.problems import (
    ComposeProblem,
    ComposeRefusedError,
    Place,
    Refusal,
)
from commandcenter.stacks.errors import UnknownServiceError

CLI = Cli(GlobalOptions())
_MIB = 1024**2


@pytest.fixture(autouse=True)
def _called_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["/elsewhere"])  # it would name the program that is running


def limit(asked: float, pending: float | None = None) -> dict[str, float | None]:
    return {"asked": asked, "actual": asked, "used": 0, "pending": pending}


def service(name: str, **more: Any) -> dict[str, Any]:
    port = {"host_port": 20001, "service_port": 80, "address": "127.0.0.1:20001", "pending": None}
    found = {
        "state": "healthy",
        "healthy": True,
        "message": "",
        "progress": "",
        "health_words": "",
        "restarts": 0,
    }
    limits = {"cpus": limit(1), "memory_bytes": limit(256 * _MIB), "pids": limit(64)}
    return {"name": name, **found, **limits, "ports": [port], "runs_as": "", **more}


def stack(*services: dict[str, Any], **more: Any) -> dict[str, Any]:
    found = {"project": "shop", "state": "running", "reason": "", "problems": [], "source": {}}
    runtimes = {"runtime": "sandbox", "next_runtime": "sandbox"}
    return {**found, **runtimes, "services": list(services), **more}


def test_what_waits_for_a_restart_is_told_with_the_command_that_does_it() -> None:
    web = service("web", memory_bytes=limit(256 * _MIB, 512 * _MIB))
    web["ports"][0]["pending"] = 3000
    found = stack(web, service("db"), next_runtime="docker")
    assert list(waiting(CLI, found)) == [
        "web: memory 256M -> 512M at its next restart. Next: commandcenter project restart shop web",
        "web: port 20001 -> 3000 at the next restart of the whole stack. "
        "Next: commandcenter project restart shop",
        "runtime sandbox -> docker at the next restart of the whole stack. "
        "Next: commandcenter project restart shop",
    ]
    assert runtime_words(found) == "sandbox; docker from the next start"
    (row,) = service_rows([web])
    assert str(row[3]) == "127.0.0.1:20001 -> 3000"
    assert row[5] == "0M / 256M / 256M -> 512M"


def test_every_service_that_failed_is_told_and_what_the_others_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    failed = {"state": "failed", "message": "It was killed (SIGKILL)."}
    waits = {"state": "pending", "message": "It waits for web, which failed."}
    services = (service("web", **failed), service("db", **failed), service("page", **waits))
    _conclude(CLI, stack(*services, service("cache"), state="error", reason="web; db"), "running")
    said = capsys.readouterr().out
    assert said.splitlines() == [
        "shop has services that failed.",
        "  web failed: It was killed (SIGKILL).",
        "    Its log: commandcenter project logs shop web",
        "    Next: commandcenter project restart shop web",
        "  db failed: It was killed (SIGKILL).",
        "    Its log: commandcenter project logs shop db",
        "    Next: commandcenter project restart shop db",
        "  page is pending: It waits for web, which failed.",
        "  cache is healthy.",
    ]


def test_without_waiting_a_stack_that_failed_is_being_started(
    capsys: pytest.CaptureFixture[str],
) -> None:
    cli = Cli(GlobalOptions())  # one that writes to this test's own output
    for state in ("stopping", "error", "starting"):
        _conclude(cli, stack(service("web"), state=state), "running", wait=False)
        said = capsys.readouterr().out
        assert "shop is being started." in said
        assert "commandcenter project status shop" in said
        assert already(stack(state=state), "running") == "shop is being started already."
    assert already(stack(state="running"), "running") == "shop is running already."
    assert already(stack(state="stopping"), "stopped") == "shop is being stopped already."


def test_commands_in_the_hubs_own_words_reach_the_same_hub() -> None:
    cli = Cli(GlobalOptions(data_directory=Path("/srv/data")))
    words = "Port 80 is taken. Choose another: commandcenter project set shop --port web:80=81"
    found = stack(service("web", message=words), service("db", state="failed", message=words))
    for told in (*remarks(cli, found), next(failures(cli, found))):
        assert "commandcenter --data-directory /srv/data project set shop" in told


def test_only_what_does_not_need_a_failed_service_is_awaited_and_the_failure_is_told_before() -> (
    None
):
    failed = service("web", state="failed")
    waits = service("page", state="pending", message="It waits for web, which failed.")
    found = stack(failed, waits, service("db", state="starting"), state="error")
    assert not is_over(found, "running", {})
    words = "web failed. Waiting for what becomes of db; Ctrl-C is safe."
    assert still_awaited(found) == words
    found = stack(failed, waits, service("db"), state="error")
    assert is_over(found, "running", {})
    assert still_awaited(found) == still_awaited(stack(service("db", state="starting"))) == ""


def test_a_restart_of_one_service_waits_for_it_and_for_what_is_restarted_with_it_alone() -> None:
    flapping = service("cache", state="restarting", healthy=False)
    broken = service("db", state="failed", healthy=False)
    page = service("page", state="pending", healthy=False, attempt=1)
    helpless = service("job", state="pending", healthy=False, message="It waits for db.")
    web = service("web", state="stopping", healthy=False, attempt=1)
    answer = stack(web, page, helpless, flapping, broken, state="error")
    only = restarted_with(answer, "web")
    assert only == {"web", "page"}
    newer = {"web": 1, "page": 1}
    assert not is_over(narrowed(answer, only), "running", newer)
    web = service("web", attempt=2)
    found = stack(web, page, helpless, flapping, broken, state="error")
    assert not is_over(narrowed(found, only), "running", newer)
    page = service("page", attempt=2)
    found = narrowed(stack(web, page, helpless, flapping, broken, state="error"), only)
    assert found["state"] == "running"
    assert is_over(found, "running", newer)
    failed = service("web", state="failed", healthy=False, attempt=2)
    found = narrowed(stack(failed, page, flapping), only)
    assert found["state"] == "error"
    assert is_over(found, "running", newer)


def test_it_is_told_that_the_container_engine_is_waited_for() -> None:
    error = Engine(Path("/run/docker.sock"))._away("it does not answer in time")
    words = {"healthy": False, "health_words": error.detail}
    assert waits_for_engine(stack(service("db"), service("web", state="stopping", **words)))
    assert not waits_for_engine(stack(service("web", state="failed", **words)))
    assert not waits_for_engine(stack(service("web", state="stopping", healthy=False)))


@pytest.mark.parametrize(
    ("phase", "title"),
    [("copying", "being copied"), ("undoing", "being taken back"), ("starting", "starting"), ("ready", "stopped"),
     ("failed", "failed")],
)  # fmt: skip
def test_a_fork_is_shown_by_its_phase_until_its_copy_is_complete(phase: str, title: str) -> None:
    shown = titled(stack(state="stopped"), {"name": "shop", "phase": phase})
    assert shown is not None
    assert (shown["project"], shown["state"]) == ("shop", title)


def test_ctrl_c_at_any_moment_says_what_goes_on_and_how_to_end_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    @interruptible("stop")
    def start(_cli: Cli, *, name: str) -> ExitCode:
        raise KeyboardInterrupt(name)

    assert start(CLI, name="shop") is ExitCode.INTERRUPTED
    assert capsys.readouterr().err.splitlines() == [
        "",
        "Detached; what the hub was asked for goes on there.",
        "  How it is: commandcenter project status shop",
        "  To end it: commandcenter project stop shop",
    ]


def test_each_problem_of_a_compose_file_has_its_line_and_none_is_left_out() -> None:
    error = ComposeRefusedError(
        "compose.yaml",
        [
            ComposeProblem(
                Refusal.UNSAFE, f"services.s{line}", Place("compose.yaml", line, 3), "no", "do"
            )
            for line in range(1, 31)
        ],
    )
    words = [f"compose.yaml:{line}: refused as unsafe: services.s{line}: no (do)"
             for line in range(1, 31)]  # fmt: skip
    found = stack(state="stopped", problems=error.fields["problems"])
    assert list(problem_lines(CLI, found)) == [
        "It cannot be started as it is:",
        *(f"  {each}" for each in words),
        "Next: mend what is named above, then: commandcenter project start shop",
    ]
    document = {"title": error.title, "detail": error.detail, "hint": error.hint}
    lines = [line.plain for line in error_lines({**document, "fields": error.fields})]
    assert lines[1:-1] == ["  compose.yaml has 30 problems:", *(f"    {each}" for each in words)]


@pytest.mark.parametrize(
    ("refused", "words"),
    [
        (lambda: _cpus("web", "banana"), "--cpus web=banana: it wants a number of cores"),
        (lambda: _cpus("web", "nan"), "--cpus web=nan"),
        (lambda: _bytes("web", "1k"), "--memory web=1k: it wants a size from 16m to 1048576g"),
        (lambda: _bytes("web", "big"), "--memory web=big"),
        (lambda: _port("web", "80.5"), "--port web=80.5: it wants a port of this machine"),
        (lambda: _port("web", "70000"), "from 1 to 65535"),
        (lambda: project_name("--as", "My Shop"), "--as My Shop: a name has lower-case letters"),
        (lambda: _limit_names("cpu,disk"), "disk is no limit"),
        (lambda: _only_port(stack(reason="compose.yaml:3: no"), "api", "3000"), "compose.yaml:3"),
    ],
)
def test_what_cannot_be_set_is_refused_with_the_option(refused: Any, words: str) -> None:
    with pytest.raises(UsageProblemError) as caught:
        refused()
    assert words in caught.value.detail
    assert "body" not in caught.value.detail


def test_a_service_that_there_is_not_has_one_exit_code() -> None:
    with pytest.raises(NoSuchServiceError, match="no service 'api'") as caught:
        _only_port(stack(service("web")), "api", "3000")
    assert caught.value.hint == "Its services: web."
    told = HubProblemError({"code": UnknownServiceError.code, "detail": ""}, status=400)
    assert describe(told)[1] is describe(caught.value)[1] is ExitCode.NOT_FOUND


def test_sizes_are_written_as_people_do() -> None:
    assert _bytes("web", "512m") == _bytes("web", "512MiB") == 512 * _MIB
    assert _bytes("web", "2g") == 2048 * _MIB
    assert _port("web", "3000") == 3000
    assert _limit_names("none") == []
