"""Following a run from a command: live in a terminal, as lines elsewhere; Ctrl-C detaches."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text

from commandcenter.cli.exit_codes import ExitCode, for_run
from commandcenter.cli.follow import FollowView, Run, follow_run, is_over, pending_approvals
from commandcenter.cli.run_lines import ApprovalWords, LineView
from commandcenter.cli.run_live import LiveView
from commandcenter.cli.run_summary import show_summary
from commandcenter.cli.session import Cli
from commandcenter.cli.terminal import print_json


def approval_words(cli: Cli) -> ApprovalWords:
    """Return what to say at an approval: commands that work in any terminal."""
    return ApprovalWords(
        approve=lambda wanted: cli.command("approve", wanted, "--comment", "ok"),
        show=lambda wanted: cli.command("approvals", "show", wanted),
        url=cli.client.url,
    )


@contextmanager
def run_view(cli: Cli, target: Console) -> Iterator[FollowView]:
    """Give what shows a run there: a live tree in a terminal, lines elsewhere."""
    words = approval_words(cli)
    if target.is_terminal and not target.is_dumb_terminal:
        with LiveView(target, words, cli.client) as live:
            yield live
    else:
        yield LineView(target, words)


def follow(
    cli: Cli, run_id: str, *, timeout_seconds: float | None = None, until_approval: bool = False
) -> ExitCode:
    """Show a run until its end and return what it came to."""
    # With --json, stdout is for the one document at the end.
    target = cli.err if cli.json else cli.out

    def until(run: Run) -> bool:
        return is_over(run) or (until_approval and bool(pending_approvals(run)))

    stop = threading.Event()
    try:
        with run_view(cli, target) as view:
            run = follow_run(
                cli.client, run_id, view, until=until, timeout_seconds=timeout_seconds, stop=stop
            )
    except KeyboardInterrupt:
        stop.set()
        cli.err.print(Text(f"\nDetached; run {run_id} goes on."))
        _print_way_back(cli, cli.err, run_id)
        return ExitCode.INTERRUPTED
    if cli.json:
        print_json(run)
    if is_over(run):
        if not cli.json:
            show_summary(cli, target, run)
        return for_run(run)
    code = for_run(run) if until_approval else ExitCode.TIMED_OUT
    reason = "waits for an approval" if code is ExitCode.WAITING else "goes on"
    cli.err.print(Text(f"Run {run_id} {reason}."))
    _print_way_back(cli, cli.err, run_id)
    return code


def _print_way_back(cli: Cli, target: Console, run_id: str) -> None:
    target.print(Text.assemble(("  Come back: ", "bold"), cli.command("runs", "watch", run_id)))
