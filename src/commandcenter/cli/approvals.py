"""`commandcenter approvals`: what waits for a decision, and all there is to decide on."""

from typing import Annotated, Any

import typer
from rich.text import Text

from commandcenter.cli.approval_details import show_approval
from commandcenter.cli.client import segment
from commandcenter.cli.command import command, default, noun
from commandcenter.cli.durations import ago, left
from commandcenter.cli.options import ApprovalId, Limit
from commandcenter.cli.references import approval_id
from commandcenter.cli.session import Cli
from commandcenter.cli.terminal import state_text, table

app = noun("What waits for a decision.")


@default(app, examples=["approvals", "approvals show latest", "approvals list --state approved"])
def approvals(cli: Cli) -> None:
    """What waits for a decision. Alone it shows the open ones, with their diffs."""
    items = list(cli.client.pages("/approvals", limit=200, state="pending"))
    if cli.json or len(items) != 1:
        cli.emit(items, lambda: _show_list(cli, items))
        return
    show_approval(cli, _get(cli, items[0]["id"]))


@command(app, "list", examples=["approvals list", "approvals list --state rejected --json"])
def list_(
    cli: Cli,
    *,
    state: Annotated[
        str, typer.Option("--state", help="pending, approved, rejected, expired ..., or all.")
    ] = "pending",
    run: Annotated[str | None, typer.Option("--run", help="Of this run.")] = None,
    limit: Limit = 50,
) -> None:
    """List approvals, the newest first; the open ones unless told otherwise."""
    wanted = None if state == "all" else state
    items = list(cli.client.pages("/approvals", limit=limit, state=wanted, run_id=run))
    cli.emit(items, lambda: _show_list(cli, items))


@command(app, "show", examples=["approvals show latest", "approvals show apr_2k --json"])
def show(cli: Cli, approval: ApprovalId) -> None:
    """Show what would run, on what, what it could touch, the diff, and who may decide."""
    found = _get(cli, approval_id(cli.client, approval))
    cli.emit(found, lambda: show_approval(cli, found))


def _get(cli: Cli, wanted: str) -> dict[str, Any]:
    return dict(cli.client.get(f"/approvals/{segment(wanted)}"))


def _show_list(cli: Cli, items: list[dict[str, Any]]) -> None:
    if not items:
        cli.out.print(Text("Nothing waits for a decision."))
        return
    rows = [
        (
            item["id"],
            state_text(item["state"]),
            item["agent"],
            item["project"] or "",
            f"{item['workflow']}/{item['node']}",
            ago(item["created_at"]),
            left(item["expires_at"]) if item["state"] == "pending" else "",
        )
        for item in items
    ]
    headings = ("APPROVAL", "STATE", "AGENT", "PROJECT", "WORKFLOW/NODE", "ASKED", "TIME LEFT")
    cli.out.print(table(headings, rows))
    cli.out.print(Text(f"  Look at one: {cli.command('approvals', 'show', items[0]['id'])}"))
