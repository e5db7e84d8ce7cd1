"""The first start: a small repository with planted problems, reviewed before one's eyes."""

import threading

from rich.text import Text

from commandcenter.cli.follow import Run, follow_run, is_over, pending_approvals
from commandcenter.cli.follow_command import approval_words
from commandcenter.cli.run_lines import LineView
from commandcenter.cli.run_live import LiveView
from commandcenter.cli.run_summary import finding_line, show_summary, top_findings
from commandcenter.cli.session import Cli
from commandcenter.demo import create_demo_repository

_WORKFLOW = "review-and-patch"
_TOP = 5


def show_first_run(cli: Cli, stop: threading.Event) -> None:
    """Make the demo repository, run the workflow on it, stop at the approval, tell the end."""
    demo = create_demo_repository(cli.data_directory / "demo" / "shop")
    client = cli.client
    project = client.post("/projects", {"path": str(demo.path)})
    cli.out.print()
    cli.out.print(
        Text.assemble(
            ("A first run. ", "bold"),
            f"{demo.path} is a small repository with planted problems; "
            f"{_WORKFLOW} looks at it and wants to apply a patch.",
        ),
        soft_wrap=True,
    )
    body = {
        "workflow": _WORKFLOW,
        "project": project["name"],
        "inputs": {"patch": demo.patch_text},
    }
    started = client.post("/runs", body, headers={"Idempotency-Key": "first-run"})
    run = _until_people_are_asked(cli, started["id"], stop)
    if stop.is_set():
        return
    if not is_over(run):
        _show_findings(cli, run)
        for approval in pending_approvals(run):
            for line in approval_words(cli).lines(approval):
                cli.out.print(line, soft_wrap=True)
        cli.out.print(Text("The hub goes on serving and tells when it was decided.", "dim"))
        view = LineView(cli.out, approval_words(cli))
        view.prime(run)
        run = follow_run(client, run["id"], view, stop=stop)
    if is_over(run):
        show_summary(cli, cli.out, run)
        cli.out.print(Text("The hub goes on serving. Ctrl-C stops it.", "dim"))


def _until_people_are_asked(cli: Cli, run_id: str, stop: threading.Event) -> Run:
    def until(run: Run) -> bool:
        return is_over(run) or bool(pending_approvals(run))

    if cli.out.is_terminal and not cli.out.is_dumb_terminal:
        with LiveView(cli.out, None, cli.client) as live:
            return follow_run(cli.client, run_id, live, until=until, stop=stop)
    return follow_run(cli.client, run_id, LineView(cli.out, None), until=until, stop=stop)


def _show_findings(cli: Cli, run: Run) -> None:
    found = top_findings(run["steps"], _TOP)
    if found:
        cli.out.print(Text("  The gravest findings:", "bold"))
    for item in found:
        cli.out.print(finding_line(item))
    for step in run["steps"]:
        score = (step["outputs"] or {}).get("score")
        if score is not None:
            cli.out.print(Text(f"  {step['node']}: score {score} of 100", "bold"))
