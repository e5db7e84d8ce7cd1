"""What a hub says when it is ready, and what became of the runs it found."""

import threading
import time
from typing import Any

from rich.text import Text

from commandcenter.cli.follow import get_run, pending_approvals
from commandcenter.cli.session import Cli
from commandcenter.cli.terminal import clean
from commandcenter.hub.server import Ready

_SHOWN_RUNS = 20
_LISTS = ("resumed", "gave_up", "begun", "pending")
_SETTLED_SECONDS = 10.0
_LOOK_SECONDS = 0.1


def show_ready(cli: Cli, ready: Ready) -> None:
    """Print the one block: where it is, how to sign in, what to type."""
    out = cli.out
    out.print(Text.assemble(("CommandCenter is ready: ", "bold green"), (ready.url, "bold")))
    link = ready.login_url
    if link is None and out.is_terminal:
        link = cli.client.post("/me/login-links", {})["url"]
    if link is not None:
        out.print(Text("  In a browser (this link works once, within 15 minutes):"))
        out.print(Text(f"    {link}", "underline"))
    else:
        out.print(Text(f"  For a browser:  {cli.command('login-link')}"))
    out.print(Text("  In another terminal:"))
    for words in (
        ("project", "add", "PATH"),
        ("run", "review-and-patch", "--project", "NAME", "--input", "patch=@fix.diff"),
        ("approvals",),
    ):
        out.print(Text(f"    {cli.command(*words)}", "bold"))
    out.print(Text(f"  Data: {cli.data_directory}   Stop: Ctrl-C", "dim"))


def show_resumed(cli: Cli, stop: threading.Event) -> None:
    """Print what the start found unfinished, and how each run goes on or why it does not."""
    report = _settled_report(cli, stop)
    if not report["found"]:
        return
    count = report["found"]
    cli.out.print(Text(f"Found {count} unfinished run{'' if count == 1 else 's'}:", "bold"))
    for item in report["resumed"][:_SHOWN_RUNS]:
        _show_resumption(cli, item)
    for item in report["gave_up"][:_SHOWN_RUNS]:
        words = f"  {item['run_id']} was given up: {item['message']}"
        cli.out.print(Text(clean(words), "red"))
    for run_id in report["begun"][:_SHOWN_RUNS]:
        cli.out.print(Text(f"  {run_id} had been queued and has begun"))
    for run_id in report["pending"][:_SHOWN_RUNS]:
        cli.out.print(Text(f"  {run_id} waits for its turn"))
    if any(len(report[name]) > _SHOWN_RUNS for name in _LISTS):
        cli.out.print(Text(f"  All of them: {cli.command('runs', 'list', '--state', 'running')}"))


def _settled_report(cli: Cli, stop: threading.Event) -> dict[str, Any]:
    """Return the account once every run was heard of, or as it is after a while."""
    deadline = time.monotonic() + _SETTLED_SECONDS
    while True:
        report: dict[str, Any] = cli.client.get("/recovery")
        if not report["pending"] or time.monotonic() > deadline or stop.wait(_LOOK_SECONDS):
            return report


def _show_resumption(cli: Cli, item: dict[str, Any]) -> None:
    run = get_run(cli.client, item["run_id"])
    done = sum(1 for step in run["steps"] if step["finished_at"])
    words = [f"{done} of {len(run['steps'])} steps done"]
    for name, meaning in (
        ("adopted", "ended meanwhile" if done == len(run["steps"]) else "still at work, or ended"),
        ("run_again", "tried again"),
        ("lost", "lost"),
    ):
        if item[name]:
            count = len(item[name])
            words.append(f"{count} attempt{'' if count == 1 else 's'} {meaning}")
    name = f"{run['workflow_name']}@{run['workflow_version']}"
    cli.out.print(Text(clean(f"  {run['id']} {name} goes on: {', '.join(words)}")))
    for approval in pending_approvals(run):
        approve = cli.command("approve", approval["id"], "--comment", "ok")
        cli.out.print(Text(f"    it waits for: {approve}"))
