"""`commandcenter approve`."""

from typing import Annotated

import typer

from commandcenter.cli.answer import answer
from commandcenter.cli.command import command, noun
from commandcenter.cli.exit_codes import ExitCode
from commandcenter.cli.options import ApprovalId, Comment
from commandcenter.cli.session import Cli

app = noun("Approve what a run is about to do.")


@command(
    app,
    "approve",
    examples=["approve apr_2k --comment ok", "approve apr_2k --watch"],
)
def approve(
    cli: Cli,
    approval: ApprovalId,
    *,
    comment: Comment = "",
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Follow the run then.")] = False,
) -> ExitCode:
    """Approve exactly the effect shown by `approvals show`; the run goes on at once."""
    return answer(cli, approval, "approve", comment, watch=watch)
