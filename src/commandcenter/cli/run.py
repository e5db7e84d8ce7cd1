"""`commandcenter run`: start a workflow and follow it."""

import uuid
from typing import Annotated, Any

import typer
from rich.text import Text

from commandcenter.cli.command import command, noun
from commandcenter.cli.exit_codes import ExitCode
from commandcenter.cli.follow_command import follow
from commandcenter.cli.inputs import parse_inputs
from commandcenter.cli.options import Timeout, UntilApproval
from commandcenter.cli.problems import HubUnreachableError
from commandcenter.cli.session import Cli
from commandcenter.cli.terminal import clean, print_json

app = noun("Start a workflow and follow it.")


@command(
    app,
    "run",
    examples=[
        "run scan --project shop",
        "run review-and-patch --project shop --input patch=@fix.diff",
        "run nightly@3 --project shop --detach --json",
        'run audit --input \'rules:=["secrets", "licenses"]\' --timeout 600',
    ],
)
def run(
    cli: Cli,
    workflow: Annotated[
        str, typer.Argument(metavar="WORKFLOW", help="Its name, name@version or id.")
    ],
    *,
    project: Annotated[
        str | None, typer.Option("--project", "-p", help="The project's name or id.")
    ] = None,
    input_: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            "-i",
            metavar="NAME=VALUE",
            help="name=text, name=@file, name=@- for standard input, name:=JSON. May be repeated.",
        ),
    ] = None,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Start it and return at once.")
    ] = False,
    until_approval: UntilApproval = False,
    timeout: Timeout = None,
    idempotency_key: Annotated[
        str | None,
        typer.Option(
            "--idempotency-key", help="The same key and inputs again return the first run."
        ),
    ] = None,
    runtime: Annotated[
        str | None, typer.Option("--runtime", help="Where agents run; the hub's own if left out.")
    ] = None,
) -> ExitCode:
    """Start a workflow and follow it until it ends. Ctrl-C detaches; the run goes on."""
    body: dict[str, Any] = {"workflow": workflow, "inputs": parse_inputs(input_ or ())}
    if project is not None:
        body["project"] = project
    if runtime is not None:
        body["runtime"] = runtime
    started = _start(cli, body, idempotency_key or f"cli-{uuid.uuid4()}")
    if not detach:
        return follow(cli, started["id"], timeout_seconds=timeout, until_approval=until_approval)
    if cli.json:
        print_json(started)
        return ExitCode.OK
    name = f"{started['workflow_name']}@{started['workflow_version']}"
    cli.out.print(Text(clean(f"Started {started['id']} ({name}).")))
    cli.out.print(Text(f"  Follow it: {cli.command('runs', 'watch', started['id'])}"))
    return ExitCode.OK


def _start(cli: Cli, body: dict[str, Any], key: str) -> dict[str, Any]:
    headers = {"Idempotency-Key": key}
    try:
        return dict(cli.client.post("/runs", body, headers=headers))
    except HubUnreachableError:
        # The key makes it safe: if the first request arrived, its run is returned.
        return dict(cli.client.post("/runs", body, headers=headers))
