"""`commandcenter project start|stop|restart|status`: a project's services."""

from typing import Annotated, Any

import typer
from rich.text import Text

from commandcenter.cli.client import segment
from commandcenter.cli.command import command
from commandcenter.cli.durations import ago, local
from commandcenter.cli.exit_codes import ExitCode
from commandcenter.cli.patient_hub import PatientHub
from commandcenter.cli.session import Cli
from commandcenter.cli.stack_view import hardening_lines, service_rows
from commandcenter.cli.stack_wait import (
    TIMEOUT_SECONDS,
    already,
    interruptible,
    restarted_with,
    until,
)
from commandcenter.cli.stack_words import (
    definition_words,
    failures,
    problem_lines,
    remarks,
    runtime_words,
    waiting,
)
from commandcenter.cli.terminal import clean, facts, state_text, table

Name = Annotated[str, typer.Argument(metavar="NAME", help="The project's name or id.")]
Service = Annotated[str, typer.Argument(metavar="SERVICE", help="A service of its stack.")]
Wait = Annotated[
    bool, typer.Option("--wait/--no-wait", help="Wait until it is done, or has come to nothing.")
]
Timeout = Annotated[
    float,
    typer.Option("--timeout", min=0.1, metavar="SECONDS", help="Wait no longer; it goes on."),
]


def register(app: typer.Typer) -> None:
    """Add the commands to `project`."""
    command(app, "start", examples=["project start shop", "project start shop --no-wait"])(start)
    command(app, "stop", examples=["project stop shop"])(stop)
    command(app, "restart", examples=["project restart shop", "project restart shop backend"])(
        restart
    )
    command(
        app,
        "status",
        examples=[
            "project status shop",
            "project status shop --hardening",
            "project status shop --json",
        ],
    )(status)


@interruptible("stop")
def start(
    cli: Cli, name: Name, *, wait: Wait = True, timeout: Timeout = TIMEOUT_SECONDS
) -> ExitCode:
    """Start the project's services; done when every one is healthy, or says why not."""
    hub = PatientHub(cli)
    answer = hub.post(f"/projects/{segment(name)}/start")
    if not answer["changed"] and not hub.asked_again and not cli.json:
        cli.note(already(answer, "running"))
    return until(cli, answer, wait=wait, timeout=timeout, wanted="running")


@interruptible(None)
def stop(
    cli: Cli, name: Name, *, wait: Wait = True, timeout: Timeout = TIMEOUT_SECONDS
) -> ExitCode:
    """Stop the project's services; their data stays."""
    hub = PatientHub(cli)
    answer = hub.post(f"/projects/{segment(name)}/stop")
    if not answer["changed"] and not hub.asked_again and not cli.json:
        cli.note(already(answer, "stopped"))
    return until(cli, answer, wait=wait, timeout=timeout, wanted="stopped")


@interruptible("stop")
def restart(
    cli: Cli,
    name: Name,
    service: Annotated[
        str | None, typer.Argument(metavar="SERVICE", help="All services if left out.")
    ] = None,
    *,
    wait: Wait = True,
    timeout: Timeout = TIMEOUT_SECONDS,
) -> ExitCode:
    """Restart all services, with the definition as it is now; or one without the rest."""
    path = f"/projects/{segment(name)}"
    before = cli.client.get(f"{path}/status")
    # Without a key: asked again, it is restarted twice at worst, and never not at all.
    hub = PatientHub(cli)
    only: frozenset[str] | None = None
    if service is None:
        answer = hub.post(f"{path}/restart")
    else:
        answer = hub.post(f"{path}/services/{segment(service)}/restart")
        only = restarted_with(answer, service)
    numbers = {
        each["name"]: each["attempt"]
        for each in before["services"]
        if only is None or each["name"] in only
    }
    return until(
        cli, answer, wait=wait, timeout=timeout, wanted="running", newer=numbers, only=only
    )


def status(
    cli: Cli,
    name: Name,
    *,
    hardening: Annotated[
        bool,
        typer.Option(
            "--hardening", help="Show what was added to each service's definition, and what not."
        ),
    ] = False,
) -> ExitCode:
    """Show each service: health with the last probe's words, ports, limits and present use.

    Exit code 0 when all are healthy, 1 otherwise.
    """
    found = cli.client.get(f"/projects/{segment(name)}/status")

    def show() -> None:
        show_status(cli, found)
        if hardening:
            for line in hardening_lines(cli, found["services"]):
                cli.out.print(line)

    cli.emit(found, show)
    return ExitCode.OK if found["overall_healthy"] else ExitCode.FAILED


def show_status(cli: Cli, found: dict[str, Any]) -> None:
    """Print a stack's status."""
    cli.out.print(
        facts(
            (
                ("Project", found["project"]),
                ("State", state_text(found["state"])),
                ("Reason", None if found["problems"] else cli.pasteable(found["reason"])),
                ("Healthy", "yes" if found["overall_healthy"] else "no"),
                ("Last started", _moment(found["last_started_at"])),
                ("Last stopped", _moment(found["last_stopped_at"])),
                ("Definition", definition_words(found["source"])),
                ("Runtime", runtime_words(found)),
            )
        )
    )
    for line in problem_lines(cli, found):
        cli.out.print(Text(clean(line)))
    if not found["services"]:
        return
    cli.out.print()
    headings = ("SERVICE", "STATE", "HEALTH", "ADDRESS", "CPU", "MEMORY", "RESTARTS")
    cli.out.print(table(headings, service_rows(found["services"])))
    cli.out.print(
        Text("  CPU in cores and memory: used / limit as enforced / limit asked for", "dim")
    )
    for line in failures(cli, found):
        cli.out.print(Text(f"  {clean(line)}"))
    for line in waiting(cli, found):
        cli.out.print(Text(f"  {clean(line)}", "yellow"))
    for line in remarks(cli, found):
        cli.out.print(Text(f"  {clean(line)}", "dim"))


def _moment(at: str | None) -> str | None:
    return None if at is None else f"{local(at)} ({ago(at)})"
