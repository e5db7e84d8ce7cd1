"""`commandcenter run --local`: one run without a hub that keeps serving, for CI jobs."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.text import Text

from commandcenter.cli.client import segment
from commandcenter.cli.exit_codes import ExitCode, for_run
from commandcenter.cli.follow import Run, follow_run, is_over, pending_approvals
from commandcenter.cli.inputs import read_value
from commandcenter.cli.local_hub import LocalHub
from commandcenter.cli.local_request import LocalRequest
from commandcenter.cli.problems import HubProblemError, UsageProblemError
from commandcenter.cli.progress import readable
from commandcenter.cli.run_lines import LineView
from commandcenter.cli.run_live import LiveView
from commandcenter.cli.run_summary import show_summary
from commandcenter.cli.session import Cli
from commandcenter.cli.terminal import clean, print_json

_MAX_FAILED_LOGS = 5
_TAIL_LINES = 50
_DEFINITION_SUFFIXES = frozenset({".yaml", ".yml", ".json"})


def run_local(cli: Cli, request: LocalRequest, finish: Callable[[Cli, Run], ExitCode]) -> ExitCode:
    """Start a hub, run once, stop it; return what the run came to, or what `finish` says."""
    folder = request.path.expanduser().resolve()
    if not folder.is_dir():
        raise UsageProblemError(f"{request.path} is not a folder.", hint="Name the repository.")
    with (
        _terminated_like_interrupted(),
        LocalHub(project=folder, data_directory=_kept_data(cli), runtime=request.runtime) as hub,
    ):
        options = replace(cli.options, url=None, token_file=None, data_directory=hub.data_directory)
        inner = Cli(options, hub_url=hub.url)
        started = _start(inner, request, folder)
        run = _follow(inner, started["id"], request)
        if not is_over(run):
            return _not_over(inner, run)
        return finish(inner, run)


def _kept_data(cli: Cli) -> Path | None:
    # From the command line alone: COMMANDCENTER_DATA_DIRECTORY is that of a hub that serves.
    is_given = any(word.startswith("--data-directory") for word in sys.argv)
    return cli.options.data_directory if is_given else None


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """Turn SIGTERM into KeyboardInterrupt, so that nothing is left behind."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _start(cli: Cli, request: LocalRequest, folder: Path) -> dict[str, Any]:
    client = cli.client
    project = client.post("/projects", {"path": str(folder)})
    workflow = request.workflow
    if Path(workflow).suffix in _DEFINITION_SUFFIXES:
        text = read_value(f"@{workflow}", what="the workflow")
        workflow = client.post_text("/workflows", text, media_type="application/yaml")["name"]
    body = {"workflow": workflow, "project": project["name"], "inputs": request.inputs}
    return dict(client.post("/runs", body))


def _follow(cli: Cli, run_id: str, request: LocalRequest) -> Run:
    def unapproved(run: Run) -> bool:
        asked = pending_approvals(run)
        for approval in asked:
            if approval["node"] in request.approve:
                path = f"/approvals/{segment(approval['id'])}/respond"
                comment = f"--approve {approval['node']}"
                cli.client.post(path, {"decision": "approve", "comment": comment})
        return any(approval["node"] not in request.approve for approval in asked)

    def until(run: Run) -> bool:
        return is_over(run) or unapproved(run)

    timeout = request.timeout_seconds
    if cli.err.is_terminal and not cli.err.is_dumb_terminal:
        with LiveView(cli.err, None, cli.client) as live:
            return follow_run(cli.client, run_id, live, until=until, timeout_seconds=timeout)
    view = LineView(cli.err, None)
    return follow_run(cli.client, run_id, view, until=until, timeout_seconds=timeout)


def _not_over(cli: Cli, run: Run) -> ExitCode:
    if cli.json:
        print_json(run)
    nodes: Sequence[str] = [approval["node"] for approval in pending_approvals(run)]
    if not nodes:
        cli.err.print(Text("The time is over; the run was stopped.", "bold red"))
        return ExitCode.TIMED_OUT
    names = ", ".join(nodes)
    options = " ".join(f"--approve {node}" for node in nodes)
    cli.err.print(Text.assemble(("Approval needed ", "bold yellow"), f"for {clean(names)}."))
    cli.err.print(
        Text(f"  A local run has nobody to ask. To let it through, add: {clean(options)}")
    )
    return ExitCode.WAITING


def show_end(cli: Cli, run: Run) -> ExitCode:
    """Print how the run ended."""
    _show_failed_logs(cli, run)
    if cli.json:
        print_json(run)
    else:
        show_summary(cli, cli.out, run, with_next=False)
    return for_run(run)


def _show_failed_logs(cli: Cli, run: Run) -> None:
    """Print how the logs of failed steps end: afterwards they are gone."""
    failed = [step["node"] for step in run["steps"] if step["state"] == "failed"]
    for node in failed[:_MAX_FAILED_LOGS]:
        path = f"/runs/{segment(run['id'])}/steps/{segment(node)}/logs"
        try:
            text = cli.client.text(path, accept="text/plain", tail=_TAIL_LINES)
        except HubProblemError:
            continue  # it never started
        cli.err.print(Text(f"The end of the log of {clean(node)}:", "bold"))
        for line in text.splitlines():
            cli.err.print(Text(f"  {clean(readable(line))}"))
