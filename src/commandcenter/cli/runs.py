"""`commandcenter runs`: list, show, follow, cancel, run again."""

from typing import Annotated

import typer
from rich.text import Text

from commandcenter.cli import run_logs, runs_artifacts
from commandcenter.cli.client import segment
from commandcenter.cli.command import command, default, noun
from commandcenter.cli.durations import ago, between
from commandcenter.cli.exit_codes import ExitCode, for_run
from commandcenter.cli.follow import get_run
from commandcenter.cli.follow_command import follow
from commandcenter.cli.inputs import parse_inputs, parse_step_inputs
from commandcenter.cli.options import Limit, RunId, Timeout, UntilApproval
from commandcenter.cli.references import run_id
from commandcenter.cli.run_details import show_run
from commandcenter.cli.session import Cli
from commandcenter.cli.terminal import print_json, state_text, table

app = noun("List, show, follow, cancel, run again; logs.")


@default(app, examples=["runs", "runs show latest", "runs logs latest scan --tail 20"])
def runs(cli: Cli) -> None:
    """List, show, follow, cancel, run again; logs. Alone it lists the newest runs."""
    list_runs(cli)


@command(
    app, "list", examples=["runs list", "runs list --state failed --limit 5", "runs list --json"]
)
def list_runs(
    cli: Cli,
    *,
    state: Annotated[
        str | None, typer.Option("--state", help="queued, running, failed ...")
    ] = None,
    workflow: Annotated[str | None, typer.Option("--workflow", help="Of this workflow.")] = None,
    project: Annotated[str | None, typer.Option("--project", "-p", help="On this project.")] = None,
    limit: Limit = 20,
) -> None:
    """List runs, the newest first."""
    client = cli.client
    project_id = client.get(f"/projects/{segment(project)}")["id"] if project else None
    items = list(
        client.pages("/runs", limit=limit, state=state, workflow=workflow, project_id=project_id)
    )

    def show() -> None:
        if not items:
            cli.out.print(Text(f"No runs. Next: {cli.command('run', 'WORKFLOW')}"))
            return
        rows = [
            (
                item["id"],
                state_text(item["state"]),
                f"{item['workflow_name']}@{item['workflow_version']}",
                between(item["started_at"], item["finished_at"]),
                ago(item["created_at"]),
                item["message"],
            )
            for item in items
        ]
        cli.out.print(table(("RUN", "STATE", "WORKFLOW", "TOOK", "STARTED", ""), rows))

    cli.emit(items, show)


@command(
    app, "show", examples=["runs show latest", "runs show run_2k", "runs show latest --exit-code"]
)
def show_one(
    cli: Cli,
    run: RunId,
    *,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with what its state comes to.")
    ] = False,
) -> ExitCode:
    """Show a run: timeline, inputs, outputs, approvals, artifacts."""
    found = get_run(cli.client, run_id(cli.client, run))
    cli.emit(found, lambda: show_run(cli, found))
    return for_run(found) if exit_code else ExitCode.OK


@command(app, "watch", examples=["runs watch latest", "runs watch run_2k --until-approval"])
def watch(
    cli: Cli, run: RunId, *, until_approval: UntilApproval = False, timeout: Timeout = None
) -> ExitCode:
    """Follow a run until it ends, as `run` does."""
    wanted = run_id(cli.client, run)
    return follow(cli, wanted, timeout_seconds=timeout, until_approval=until_approval)


@command(app, "cancel", examples=["runs cancel latest"])
def cancel(
    cli: Cli,
    run: RunId,
    *,
    wait: Annotated[bool, typer.Option("--wait", help="Follow it until it has ended.")] = False,
) -> ExitCode:
    """Ask a run to stop: its agents are told, then killed. Ended steps stay as they are.

    With --wait the exit code is 0 once the run was cancelled, as that was asked for; if it ended
    otherwise meanwhile, the code is that of its state.
    """
    wanted = run_id(cli.client, run)
    asked = cli.client.post(f"/runs/{segment(wanted)}/cancel", {})
    if wait:
        code = follow(cli, wanted)
        return ExitCode.OK if code is ExitCode.CANCELLED else code
    words = f"Asked run {wanted} to stop."
    cli.emit(asked, lambda: cli.out.print(Text(words)))
    return ExitCode.OK


@command(
    app,
    "rerun",
    examples=[
        "runs rerun latest",
        "runs rerun latest --from review",
        "runs rerun latest --step-input fix.targetBranch=main",
    ],
)
def rerun(
    cli: Cli,
    run: RunId,
    *,
    start_at: Annotated[
        str | None, typer.Option("--from", metavar="NODE", help="This node and what follows it.")
    ] = None,
    input_: Annotated[
        list[str] | None,
        typer.Option("--input", "-i", metavar="NAME=VALUE", help="A changed input of the run."),
    ] = None,
    step_input: Annotated[
        list[str] | None,
        typer.Option(
            "--step-input",
            metavar="NODE.NAME=VALUE",
            help="Of one step. Those of an earlier rerun hold on; NODE.NAME:=null drops one.",
        ),
    ] = None,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Start it and return at once.")
    ] = False,
    until_approval: UntilApproval = False,
    timeout: Timeout = None,
) -> ExitCode:
    """Run an ended run again as a new run; results that still hold are taken over."""
    body = {
        "start_at": start_at,
        "inputs": parse_inputs(input_ or ()),
        "step_inputs": parse_step_inputs(step_input or ()),
    }
    wanted = run_id(cli.client, run)
    started = cli.client.post(f"/runs/{segment(wanted)}/rerun", body)
    if not detach:
        return follow(cli, started["id"], timeout_seconds=timeout, until_approval=until_approval)
    if cli.json:
        print_json(started)
    else:
        cli.out.print(Text(f"Started {started['id']} in place of {wanted}."))
        cli.out.print(Text(f"  Follow it: {cli.command('runs', 'watch', started['id'])}"))
    return ExitCode.OK


run_logs.register(app)
runs_artifacts.register(app)
