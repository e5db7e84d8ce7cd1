"""`commandcenter project fork|discard`: a stack's copy with its data, and its end."""

import sys
import time
import uuid
from typing import Annotated, Any

import typer
from rich.text import Text

from commandcenter.cli.client import segment
from commandcenter.cli.command import command
from commandcenter.cli.exit_codes import ExitCode
from commandcenter.cli.options import project_name
from commandcenter.cli.patient_hub import PatientHub
from commandcenter.cli.problems import HubProblemError, UsageProblemError
from commandcenter.cli.project_stack import Name, Timeout
from commandcenter.cli.session import Cli
from commandcenter.cli.stack_view import stack_view
from commandcenter.cli.stack_wait import LOOK_SECONDS, TIMEOUT_SECONDS, detached, is_over
from commandcenter.cli.stack_words import remarks
from commandcenter.cli.terminal import clean, print_json

_MAX_PAUSE_SECONDS = 60.0
_MB = 1000**2
_UNDER_WAY = {
    "copying": "being copied",
    "starting": "starting",
    "undoing": "being taken back",
    "discarding": "being discarded",
}


def register(app: typer.Typer) -> None:
    """Add the commands to `project`."""
    command(
        app,
        "fork",
        examples=["project fork shop --as shop-2", "project fork shop --as shop-2 --no-start"],
    )(fork)
    command(app, "discard", examples=["project discard shop-2", "project discard shop-2 --yes"])(
        discard
    )


def fork(
    cli: Cli,
    name: Name,
    *,
    as_: Annotated[str, typer.Option("--as", metavar="NAME2", help="The fork's name.")],
    start: Annotated[
        bool, typer.Option("--start/--no-start", help="Start the fork once it is copied.")
    ] = True,
    max_pause: Annotated[
        float,
        typer.Option(
            "--max-pause",
            min=0.01,
            max=3600,
            metavar="SECONDS",
            help="Give up rather than have the origin stand still longer.",
        ),
    ] = _MAX_PAUSE_SECONDS,
    timeout: Timeout = TIMEOUT_SECONDS,
) -> ExitCode:
    """Copy a project's stack with its data, as of one moment, to a project of its own.

    The copy has ports, a network and volumes of its own, and shares the project's folder. The
    origin runs on; its services stand still only while what has changed is copied.
    """
    body = {"name": project_name("--as", as_), "start": start, "max_pause_seconds": max_pause}
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    hub = PatientHub(cli)
    try:
        answer = hub.post(f"/projects/{segment(name)}/fork", body, headers=headers)
        made, found = _follow(cli, hub, answer, start=start, timeout=timeout)
    except KeyboardInterrupt:
        return detached(cli, as_, "discard")
    if cli.json:
        print_json({**answer, "fork": made, "stack": found})
    else:
        _conclude(cli, made, found, start=start)
    if made["phase"] == "failed":
        return ExitCode.FAILED
    if made["phase"] != "ready" or found is None:
        return ExitCode.TIMED_OUT
    if not start or found["state"] == "running":
        return ExitCode.OK
    return ExitCode.FAILED if is_over(found, "running", {}) else ExitCode.TIMED_OUT


def _follow(
    cli: Cli, hub: PatientHub, answer: dict[str, Any], *, start: bool, timeout: float
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Show the fork until it is as wanted or cannot be; the fork, and its stack if it is there.

    A hub that is ended and started again meanwhile is waited for.
    """
    path = f"/projects/{segment(answer['id'])}"
    deadline = time.monotonic() + timeout
    found: dict[str, Any] | None = None
    with stack_view(cli) as view:
        while True:
            made = hub.get(f"{path}/fork")
            if made is not None:
                found = None if made["phase"] == "failed" else _status(hub, path) or found
                shown = titled(found, made)
                if shown is not None:
                    view.update(shown)
                over = found is not None and (not start or is_over(found, "running", {}))
                is_settled = made["phase"] == "failed" or (made["phase"] == "ready" and over)
                if is_settled or time.monotonic() > deadline:
                    return made, found
            time.sleep(LOOK_SECONDS)


def titled(found: dict[str, Any] | None, made: dict[str, Any]) -> dict[str, Any] | None:
    """Return the fork's stack as it is shown: until its copy is complete by the fork's phase."""
    if made["phase"] == "failed":
        return {"project": made["name"], "state": "failed", "services": []}
    words = _UNDER_WAY.get(made["phase"])
    return found if found is None or words is None else {**found, "state": words}


def _status(hub: PatientHub, path: str) -> dict[str, Any] | None:
    try:
        return hub.get(f"{path}/status")
    except HubProblemError as error:
        if error.status == 404:  # noqa: PLR2004 - it has just been taken back
            return None
        raise


def _conclude(cli: Cli, made: dict[str, Any], found: dict[str, Any] | None, *, start: bool) -> None:
    name, origin = clean(made["name"]), clean(made["origin_name"])
    if made["phase"] == "failed" or found is None:
        cli.out.print(Text(f"{name} could not be made; nothing of it is left.", "bold red"))
        cli.out.print(Text(f"  {clean(cli.pasteable(made['message']))}"))
        return
    if made["phase"] != "ready":
        cli.out.print(Text(f"{name} is not ready yet: {clean(cli.pasteable(made['message']))}"))
        return
    cli.out.print(Text(f"{name} is a copy of {origin}: {_sizes(made, origin)}.", "green"))
    if start and found["state"] != "running":
        cli.out.print(
            Text(f"{name} is {found['state']}. {clean(cli.pasteable(found['reason']))}", "bold red")
        )
    for service in found["services"]:
        for port in service["ports"]:
            cli.out.print(Text(f"  {clean(service['name'])}: {port['address']}"))
    for line in remarks(cli, found):
        cli.out.print(Text(f"  {clean(line)}", "dim"))
    if not start:
        cli.out.print(Text(f"  Next: {cli.command('project', 'start', made['name'])}"))
    cli.out.print(Text(f"  When done: {cli.command('project', 'discard', made['name'])}"))


def _sizes(made: dict[str, Any], origin: str) -> str:
    size = f"{(made['size_bytes'] or 0) / _MB:.0f} MB of data"
    if made["pause_seconds"] is None:
        return f"{size}; {origin} did not run"
    return f"{size}; {origin} stood still for {made['pause_seconds']:.2f} s"


def discard(
    cli: Cli,
    name: Name,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    timeout: Timeout = TIMEOUT_SECONDS,
) -> ExitCode:
    """Stop a fork and remove it with all its data: volumes, ports, secrets and logs."""
    project = cli.client.get(f"/projects/{segment(name)}")
    if not yes and project["forked_from"] is not None:
        if not sys.stdin.isatty():
            raise UsageProblemError(
                f"The data of {project['name']} would be gone for good.",
                hint=f"If that is meant: {cli.command('project', 'discard', name, '--yes')}",
            )
        typer.confirm(f"Discard {project['name']} and all its data?", abort=True, err=True)
    path = f"/projects/{segment(project['id'])}"
    hub = PatientHub(cli)
    try:
        hub.post(f"{path}/discard")
    except HubProblemError as error:
        if error.status != 404 or not hub.asked_again:  # noqa: PLR2004 - it went before that
            raise
    deadline = time.monotonic() + timeout
    while _is_known(hub, f"{path}/fork"):
        if time.monotonic() > deadline:
            cli.note(f"{clean(name)} is still being discarded; it goes on.")
            return ExitCode.TIMED_OUT
        time.sleep(LOOK_SECONDS)
    words = f"Discarded {clean(project['name'])}."
    cli.emit({"discarded": project["name"]}, lambda: cli.out.print(Text(words)))
    return ExitCode.OK


def _is_known(hub: PatientHub, path: str) -> bool:
    """Whether the fork is there, as far as is known while the hub is away."""
    try:
        hub.get(path)
    except HubProblemError as error:
        if error.status == 404:  # noqa: PLR2004 - it is gone
            return False
        raise
    return True
