"""`commandcenter project logs`: what a service of a project says."""

import json
import time
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from commandcenter.cli.client import segment
from commandcenter.cli.command import command
from commandcenter.cli.exit_codes import ExitCode
from commandcenter.cli.log_stream import JSON_LINES, followed, print_line
from commandcenter.cli.options import Grep, Regex, Tail
from commandcenter.cli.patient_hub import PatientHub
from commandcenter.cli.problems import NoSuchServiceError
from commandcenter.cli.session import Cli
from commandcenter.cli.terminal import clean

_LOOK_SECONDS = 0.2
_AT_REST = frozenset({"stopped", "failed", "completed"})


def register(app: typer.Typer) -> None:
    """Add the command to `project`."""
    command(
        app,
        "logs",
        examples=[
            "project logs shop backend",
            "project logs shop backend -f --tail 200 --grep ERROR",
        ],
    )(logs)


def logs(
    cli: Cli,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The project's name or id.")],
    service: Annotated[str, typer.Argument(metavar="SERVICE", help="A service of its stack.")],
    *,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on, over restarts of the service too.")
    ] = False,
    tail: Tail = 100,
    grep: Grep = None,
    regex: Regex = False,
    attempt: Annotated[
        int | None,
        typer.Option("--attempt", min=1, help="Each start has a number; the latest if left out."),
    ] = None,
) -> ExitCode:
    """Print a service's standard output and standard error, also after it has ended."""
    client = cli.client
    base = f"/projects/{segment(name)}/services/{segment(service)}/logs"
    number = attempt
    if follow and number is None:
        number = _present(cli, name, service)["attempt"] or None
    query = {"tail": tail, "grep": grep, "regex": regex or None, "attempt": number}
    last = 0
    for text in client.text(base, accept=JSON_LINES, **query).splitlines():
        line: dict[str, Any] = json.loads(text)
        last = line["number"]
        print_line(cli, line)
    if not follow:
        return ExitCode.OK
    for line in _following(cli, name, service, base, number, last, is_one=attempt is not None):
        if grep is None or grep in line["text"]:
            print_line(cli, line)
    return ExitCode.OK


def _following(
    cli: Cli, name: str, service: str, base: str, number: int | None, after: int, *, is_one: bool
) -> Iterator[dict[str, Any]]:
    """Yield the lines of this attempt and of those after it, until none is to come."""
    while True:
        yield from followed(cli, f"{base}/follow", {"attempt": number}, after)
        if is_one:
            return
        while True:
            found = _present(cli, name, service)
            if found["attempt"] > (number or 0):
                number, after = found["attempt"], 0
                break
            if found["state"] in _AT_REST:
                words = (
                    ("start", name) if found["state"] == "stopped" else ("restart", name, service)
                )
                following = cli.command("project", *words)
                cli.note(f"{clean(service)} is {found['state']}: no more comes. Next: {following}")
                return
            time.sleep(_LOOK_SECONDS)


def _present(cli: Cli, name: str, service: str) -> dict[str, Any]:
    hub = PatientHub(cli)
    while (found := hub.get(f"/projects/{segment(name)}/status")) is None:
        time.sleep(_LOOK_SECONDS)
    for each in found["services"]:
        if each["name"] == service:
            return dict(each)
    raise NoSuchServiceError(service, found)
