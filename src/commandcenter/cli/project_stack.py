"""`commandcenter project start|stop|restart|status`: a project's services."""

import time
from collections.abc import Iterable
from typing import Annotated, Any

import typer
from rich.text import Text

from commandcenter.cli.client import segment
from commandcenter.cli.command import command
from commandcenter.cli.durations import ago, local
from commandcenter.cli.exit_codes import ExitCode
from commandcenter.cli.problems import HubProblemError
from commandcenter.cli.session import Cli
from commandcenter.cli.stack_view import StackView, hardening_lines, service_rows, stack_view
from commandcenter.cli.terminal import clean, facts, print_json, state_text, table

Name = Annotated[str, typer.Argument(metavar="NAME", help="The project's name or id.")]
Service = Annotated[str, typer.Argument(metavar="SERVICE", help="A service of its stack.")]
Wait = Annotated[
    bool, typer.Option("--wait/--no-wait", help="Wait until it is done, or has come to nothing.")
]
Timeout = Annotated[
    float,
    typer.Option("--timeout", min=0.1, metavar="SECONDS", help="Wait no longer; it goes on."),
]
TIMEOUT_SECONDS = 600.0
LOOK_SECONDS = 0.1
_OVER = frozenset({"running", "stopped", "error"})


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


def start(
    cli: Cli, name: Name, *, wait: Wait = True, timeout: Timeout = TIMEOUT_SECONDS
) -> ExitCode:
    """Start the project's services; done when every one is healthy, or says why not."""
    answer = cli.client.post(f"/projects/{segment(name)}/start", {})
    if not answer["changed"] and not cli.json:
        cli.note(f"{clean(name)} is {answer['state']} already.")
    return until(cli, answer, wait=wait, timeout=timeout, wanted="running")


def stop(
    cli: Cli, name: Name, *, wait: Wait = True, timeout: Timeout = TIMEOUT_SECONDS
) -> ExitCode:
    """Stop the project's services; their data stays."""
    answer = cli.client.post(f"/projects/{segment(name)}/stop", {})
    if not answer["changed"] and not cli.json:
        cli.note(f"{clean(name)} is {answer['state']} already.")
    return until(cli, answer, wait=wait, timeout=timeout, wanted="stopped")


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
    if service is None:
        before = cli.client.get(f"/projects/{segment(name)}/status")
        answer = cli.client.post(f"/projects/{segment(name)}/restart", {})
        numbers = _numbers(before)
        return until(cli, answer, wait=wait, timeout=timeout, wanted="running", newer=numbers)
    path = f"/projects/{segment(name)}/services/{segment(service)}/restart"
    before = cli.client.get(f"/projects/{segment(name)}/status")
    numbers = {key: value for key, value in _numbers(before).items() if key == service}
    answer = cli.client.post(path, {})
    return until(cli, answer, wait=wait, timeout=timeout, wanted="running", newer=numbers)


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
            for line in hardening_lines(found["services"]):
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
                ("Reason", found["reason"]),
                ("Healthy", "yes" if found["overall_healthy"] else "no"),
                ("Last started", _moment(found["last_started_at"])),
                ("Last stopped", _moment(found["last_stopped_at"])),
                ("Definition", _definition(found["source"])),
                ("Runtime", _runtime(found)),
            )
        )
    )
    if not found["services"]:
        next_command = cli.command("project", "start", found["project"])
        cli.out.print(Text(f"It has not been started yet. Next: {next_command}"))
        return
    cli.out.print()
    headings = ("SERVICE", "STATE", "HEALTH", "ADDRESS", "CPU", "MEMORY", "RESTARTS")
    cli.out.print(table(headings, service_rows(found["services"])))
    cli.out.print(
        Text("  CPU in cores and memory: used / limit as enforced / limit asked for", "dim")
    )
    for line in remarks(found):
        cli.out.print(Text(f"  {clean(line)}", "dim"))


def found_lines(cli: Cli, name: str) -> Iterable[str]:
    """Yield what the project's folder brings, or what stands against it."""
    try:
        found = cli.client.get(f"/projects/{segment(name)}/status")
    except HubProblemError:  # a hub of an earlier version
        return
    if found["source"]:
        yield f"Found: {_definition(found['source'])}"
    for service in found["services"]:
        addresses = ", ".join(port["address"] for port in service["ports"])
        yield f"  {service['name']}  {addresses}".rstrip()
    if found["reason"]:
        yield f"It cannot be started as it is: {found['reason']}"
    for left in found["source"].get("left_out", ()):
        yield f"{left['service']} is left out: {left['reason']}"


def until(
    cli: Cli,
    answer: dict[str, Any],
    *,
    wait: bool,
    timeout: float,
    wanted: str,
    newer: dict[str, int] | None = None,
) -> ExitCode:
    """Show the stack until it is as wanted, or cannot be."""
    found = answer
    target = cli.err if cli.json else cli.out
    if wait:
        deadline = time.monotonic() + timeout
        path = f"/projects/{segment(answer['project_id'])}/status"
        view: StackView
        with stack_view(target) as view:
            try:
                while not is_over(found, wanted, newer or {}):
                    view.update(found)
                    if time.monotonic() > deadline:
                        break
                    time.sleep(LOOK_SECONDS)
                    found = cli.client.get(path)
                view.update(found)
            except KeyboardInterrupt:
                cli.err.print(Text("\nDetached; it goes on."))
                return ExitCode.INTERRUPTED
    if cli.json:
        print_json(found)
    else:
        _conclude(cli, found, wanted)
    if not wait or found["state"] == wanted:
        return ExitCode.OK
    return ExitCode.FAILED if found["state"] in _OVER else ExitCode.TIMED_OUT


def is_over(found: dict[str, Any], wanted: str, newer: dict[str, int]) -> bool:
    """Whether the stack is as wanted, or will not be by itself."""
    state = found["state"]
    if wanted == "stopped":
        return bool(state == "stopped")
    later = all(
        each["attempt"] > newer[each["name"]] for each in found["services"] if each["name"] in newer
    )
    if state == "running":
        return later and bool(found["overall_healthy"])
    if state == "stopped":
        return bool(found["reason"])
    settling = any(
        each["state"] in {"starting", "restarting", "stopping"}
        # One that waits for a failed one says so, and will not go on by itself.
        or (each["state"] == "pending" and not each["message"])
        for each in found["services"]
    )
    return bool(state == "error") and not settling


def _numbers(found: dict[str, Any]) -> dict[str, int]:
    return {each["name"]: each["attempt"] for each in found["services"]}


def _conclude(cli: Cli, found: dict[str, Any], wanted: str) -> None:
    name = clean(found["project"])
    if found["state"] == wanted == "running":
        cli.out.print(Text(f"{name} is up: every service is healthy.", "green"))
        for service in found["services"]:
            for port in service["ports"]:
                cli.out.print(Text(f"  {clean(service['name'])}: {port['address']}"))
        for line in remarks(found):
            cli.out.print(Text(f"  {clean(line)}", "dim"))
        return
    if found["state"] == wanted:
        cli.out.print(Text(f"{name} is {wanted}."))
        return
    cli.out.print(Text(f"{name} is {found['state']}.", "bold red"))
    if found["reason"]:
        cli.out.print(Text(f"  {clean(found['reason'])}"))
    for service in found["services"]:
        if service["state"] == "failed":
            logs = cli.command("project", "logs", found["project"], service["name"])
            cli.out.print(Text(f"  Its log: {logs}"))


def remarks(found: dict[str, Any]) -> Iterable[str]:
    """Yield what people should know of a stack besides its states."""
    for service in found["services"]:
        if service["runs_as"]:
            yield f"{service['name']} {service['runs_as']}"
    for service in found["services"]:
        if service["message"] and service["state"] != "failed":
            yield f"{service['name']}: {service['message']}"
    for left in found["source"].get("left_out", ()):
        yield f"{left['service']} is left out: {left['reason']}"
    for note in found["source"].get("notes", ()):
        yield f"note: {note}"


def _definition(source: dict[str, Any]) -> str | None:
    if not source:
        return None
    if source["kind"] == "default":
        return "the default stack, as the folder has no compose file"
    return f"a compose file, {' with '.join(source['files'])}"


def _runtime(found: dict[str, Any]) -> str:
    present, following = found["runtime"], found["next_runtime"]
    if found["state"] == "stopped" or present is None:
        return str(following)
    return str(present) if present == following else f"{present}; {following} from the next start"


def _moment(at: str | None) -> str | None:
    return None if at is None else f"{local(at)} ({ago(at)})"
