"""What a hub says when it is ready, and what became of the runs it found."""

from typing import Any

from rich.text import Text

from commandcenter.cli.follow import get_run, pending_approvals
from commandcenter.cli.session import Cli
from commandcenter.cli.terminal import clean
from commandcenter.hub.server import Ready

_SHOWN_RUNS = 20
_STATES = ("running", "queued")


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


def show_resumed(cli: Cli) -> None:
    """Print the runs that were under way when the hub ended, and how each goes on."""
    found: list[dict[str, Any]] = []
    for state in _STATES:
        found += cli.client.pages("/runs", limit=_SHOWN_RUNS, state=state)
    if not found:
        return
    cli.out.print(Text(f"Going on with {len(found)} run{'' if len(found) == 1 else 's'}:", "bold"))
    for summary in found[:_SHOWN_RUNS]:
        run = get_run(cli.client, summary["id"])
        name = f"{run['workflow_name']}@{run['workflow_version']}"
        waiting = pending_approvals(run)
        active = [step["node"] for step in run["steps"] if step["state"] == "running"]
        done = sum(1 for step in run["steps"] if step["finished_at"])
        words = f"  {run['id']}  {name}: {done} of {len(run['steps'])} steps are done"
        if active:
            words += f", running: {', '.join(active)}"
        cli.out.print(Text(clean(words)))
        for approval in waiting:
            approve = cli.command("approve", approval["id"], "--comment", "ok")
            cli.out.print(Text(f"    waits for: {approve}"))
