"""`commandcenter runs logs`: a step's log, or the last lines of all steps."""

import json
import threading
from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.text import Text

from commandcenter.cli.client import HubClient, segment
from commandcenter.cli.command import command
from commandcenter.cli.event_stream import Batch, EventStream
from commandcenter.cli.exit_codes import ExitCode
from commandcenter.cli.follow import get_run, is_over
from commandcenter.cli.log_stream import JSON_LINES, followed, print_line
from commandcenter.cli.options import Grep, Regex, RunId, Tail
from commandcenter.cli.problems import HubProblemError, UsageProblemError
from commandcenter.cli.references import run_id
from commandcenter.cli.session import Cli
from commandcenter.cli.terminal import clean


def register(app: typer.Typer) -> None:
    """Add the command to `runs`."""
    command(
        app,
        "logs",
        examples=[
            "runs logs latest",
            "runs logs latest scan --tail 500 --grep error",
            "runs logs latest scan --follow",
            "runs logs run_2k fix --attempt 1 --json",
        ],
    )(logs)


def logs(
    cli: Cli,
    run: RunId,
    node: Annotated[
        str | None, typer.Argument(metavar="NODE", help="A step; all steps if left out.")
    ] = None,
    *,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the attempt has ended.")
    ] = False,
    tail: Tail = 100,
    grep: Grep = None,
    regex: Regex = False,
    attempt: Annotated[
        int | None, typer.Option("--attempt", min=1, help="The latest if left out.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Of the check made before people were asked.")
    ] = False,
) -> ExitCode:
    """Print the log of a step: its standard output and standard error."""
    client = cli.client
    wanted = run_id(client, run)
    if node is None and (follow or attempt is not None):
        nodes = ", ".join(step["node"] for step in get_run(client, wanted)["steps"])
        raise UsageProblemError(
            "Which step's log? --follow and --attempt are about one step.",
            hint=f"Name one of: {nodes}",
        )
    query = {"tail": tail, "grep": grep, "regex": regex or None, "attempt": attempt}
    query["check"] = check or None
    if node is None:
        _all_steps(cli, wanted, query)
        return ExitCode.OK
    if follow:
        _wait_for_start(client, wanted, node)
    last = 0
    for line in _read(client, wanted, node, query):
        last = line["number"]
        print_line(cli, line)
    if follow:
        path = f"/runs/{segment(wanted)}/steps/{segment(node)}/logs/follow"
        wants = {"attempt": attempt, "check": query["check"]}
        for line in followed(cli, path, wants, last):
            if grep is None or grep in line["text"]:
                print_line(cli, line)
    return ExitCode.OK


def _all_steps(cli: Cli, wanted: str, query: dict[str, Any]) -> None:
    for step in get_run(cli.client, wanted)["steps"]:
        if not (step["checks"] if query["check"] else step["attempts"] or step["checks"]):
            continue
        try:
            lines = list(_read(cli.client, wanted, step["node"], query))
        except HubProblemError as error:
            lines = []
            cli.err.print(Text(clean(f"{step['node']}: {error}"), "dim"))
        if not cli.json and lines:
            cli.out.print(Text(f"--- {step['node']} ({step['state']})", "bold"))
        for line in lines:
            print_line(cli, {"node": step["node"], **line} if cli.json else line)


def _read(
    client: HubClient, wanted: str, node: str, query: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    path = f"/runs/{segment(wanted)}/steps/{segment(node)}/logs"
    text = client.text(path, accept=JSON_LINES, **query)
    for line in text.splitlines():
        yield json.loads(line)


def _wait_for_start(client: HubClient, wanted: str, node: str) -> None:
    """Wait until the step has an attempt, or will never have one."""

    def has_log() -> bool:
        run = get_run(client, wanted)
        return (
            is_over(run)
            or any(
                step["attempts"]
                or step["checks"]
                or step["state"] in {"succeeded", "failed", "skipped", "cancelled"}
                for step in run["steps"]
                if step["node"] == node
            )
            or all(step["node"] != node for step in run["steps"])
        )

    if has_log():
        return
    stream = EventStream(client, after=0, run_id=wanted, stop=threading.Event())
    for item in stream.items():
        if isinstance(item, Batch) and item.events and has_log():
            return
