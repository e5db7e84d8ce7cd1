"""`commandcenter reject`."""

from typing import Annotated

import typer

from commandcenter.cli.answer import answer
from commandcenter.cli.command import command, noun
from commandcenter.cli.exit_codes import ExitCode
from commandcenter.cli.options import ApprovalId, Comment
from commandcenter.cli.session import Cli

app = noun("Reject what a run is about to do.")


@command(
    app,
    "reject",
    examples=["reject apr_2k --comment 'not before the release'", "reject apr_2k --watch"],
)
def reject(
    cli: Cli,
    approval: ApprovalId,
    *,
    comment: Comment = "",
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Follow the run then.")] = False,
) -> ExitCode:
    """Reject what a run is about to do. One rejection decides; the step fails."""
    return answer(cli, approval, "reject", comment, watch=watch)
