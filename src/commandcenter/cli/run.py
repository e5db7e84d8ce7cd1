"""`commandcenter run`: start a workflow and follow it."""

import uuid
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from commandcenter.cli.command import command, noun
from commandcenter.cli.exit_codes import ExitCode
from commandcenter.cli.follow import Run
from commandcenter.cli.follow_command import follow
from commandcenter.cli.importing import uncollected
from commandcenter.cli.inputs import parse_inputs
from commandcenter.cli.local_request import LocalRequest
from commandcenter.cli.options import Timeout, UntilApproval
from commandcenter.cli.problems import HubUnreachableError, UsageProblemError
from commandcenter.cli.run_results import Results
from commandcenter.cli.sarif import FailOn
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
    path: Annotated[
        Path | None, typer.Argument(metavar="PATH", help="With --local: the repository.")
    ] = None,
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
    local: Annotated[
        bool,
        typer.Option("--local", help="On a hub of its own that ends with the run: for CI jobs."),
    ] = False,
    approve: Annotated[
        list[str] | None,
        typer.Option(
            "--approve",
            metavar="NODE",
            help="With --local: the gate of this node may open. May be repeated.",
        ),
    ] = None,
    sarif_file: Annotated[
        Path | None,
        typer.Option("--sarif", metavar="FILE", help="Write all *.sarif artifacts as one file."),
    ] = None,
    fail_on: Annotated[
        FailOn | None,
        typer.Option("--fail-on", help="Exit code 1 with findings of that severity or above."),
    ] = None,
) -> ExitCode:
    """Start a workflow and follow it until it ends. Ctrl-C detaches; the run goes on.

    With --local there is no hub to go on: Ctrl-C ends the run, and a gate that --approve does not
    name ends it with exit code 3.
    """
    results = Results(sarif_file, fail_on)
    if local:
        return _run_local(
            cli,
            LocalRequest(
                workflow=workflow,
                path=path or Path(),
                inputs=parse_inputs(input_ or ()),
                approve=frozenset(approve or ()),
                timeout_seconds=timeout,
                runtime=runtime,
            ),
            results,
            misplaced={
                "--project": project,
                "--detach": detach,
                "--until-approval": until_approval,
                "--idempotency-key": idempotency_key,
            },
        )
    if path is not None or approve:
        raise UsageProblemError(
            "PATH and --approve belong to --local.",
            hint="On a hub that serves, name a --project, and people approve.",
        )
    body: dict[str, Any] = {"workflow": workflow, "inputs": parse_inputs(input_ or ())}
    if project is not None:
        body["project"] = project
    if runtime is not None:
        body["runtime"] = runtime
    started = _start(cli, body, idempotency_key or f"cli-{uuid.uuid4()}")
    if not detach:
        code = follow(cli, started["id"], timeout_seconds=timeout, until_approval=until_approval)
        return results.finish(cli, started["id"], code)
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


def _run_local(
    cli: Cli, request: LocalRequest, results: Results, *, misplaced: dict[str, object]
) -> ExitCode:
    with uncollected():
        from commandcenter.cli.run_local import (  # noqa: PLC0415  # loads the hub
            run_local,
            show_end,
        )

    for name, value in misplaced.items():
        if value:
            raise UsageProblemError(
                f"{name} does not go together with --local.",
                hint="A local run works on PATH and ends with the command.",
            )

    def finish(inner: Cli, run: Run) -> ExitCode:
        return results.finish(inner, run["id"], show_end(inner, run))

    return run_local(cli, request, finish)
