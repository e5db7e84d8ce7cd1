"""Everything about one run on one screen."""

import json
from typing import Any

from rich.text import Text

from commandcenter.cli.client import segment
from commandcenter.cli.durations import between, clock, left, local, size
from commandcenter.cli.follow import Run, is_over, pending_approvals
from commandcenter.cli.problems import HubProblemError, HubUnreachableError
from commandcenter.cli.run_lines import happened_at, notes_of, step_words
from commandcenter.cli.run_summary import show_summary
from commandcenter.cli.session import Cli
from commandcenter.cli.terminal import (
    STATE_STYLES,
    clean,
    facts,
    glyph,
    one_line,
    speaks_unicode,
    state_text,
    table,
)

_VALUE_WIDTH = 100
_MAX_LOGS = 30


def show_run(cli: Cli, run: Run) -> None:
    """Print state, timeline, inputs, outputs, approvals and artifacts."""
    out = cli.out
    trigger = run["trigger"].get("kind", "")
    out.print(
        facts(
            (
                ("Run", run["id"]),
                ("Workflow", f"{run['workflow_name']}@{run['workflow_version']}"),
                ("Project", run["project"]),
                ("State", state_text(run["state"])),
                ("Why", cli.pasteable(run["message"] or "") or run["reason"]),
                ("Started", f"{local(run['started_at'] or run['created_at'])} ({trigger})"),
                ("By", run.get("requested_by_name") or run["requested_by"]),
                ("Took", between(run["started_at"], run["finished_at"])),
                ("Deadline in", None if is_over(run) else left(run["deadline_at"])),
                ("In place of", run["rerun_of"]),
                ("Resumed", _times(run["epoch"] - 1)),
                ("Runtime", run["runtime"]),
            )
        )
    )
    _title(cli, "Timeline")
    for step in run["steps"]:
        _show_step(cli, run, step)
    if run["inputs"]:
        _title(cli, "Inputs")
        out.print(facts((f"  {name}", _value(value)) for name, value in run["inputs"].items()))
    _show_outputs(cli, run)
    if run["approvals"]:
        _title(cli, "Approvals")
        asked: list[tuple[Any, ...]] = [
            (
                item["id"],
                state_text(item["state"]),
                item["node"],
                local(item["decided_at"]),
                _deciders(item),
            )
            for item in run["approvals"]
        ]
        out.print(table(("  APPROVAL", "STATE", "NODE", "DECIDED", "BY"), _indented(asked)))
    if run["artifacts"]:
        _title(cli, "Artifacts")
        rows = [
            (item["node"], item["name"], size(item["size_bytes"]), item["media_type"])
            for item in run["artifacts"]
        ]
        out.print(table(("  NODE", "NAME", "SIZE", "TYPE"), _indented(rows)))
    out.print()
    _show_next(cli, run)


def _show_next(cli: Cli, run: Run) -> None:
    if is_over(run):
        show_summary(cli, cli.out, run)
        return
    for approval in pending_approvals(run):
        command = cli.command("approve", approval["id"], "--comment", "ok")
        cli.out.print(Text.assemble(("Waits for: ", "bold yellow"), command))
        for note in notes_of(approval):
            cli.out.print(Text(f"  Take care: {note}", "yellow"))
    cli.out.print(Text.assemble(("Follow: ", "bold"), cli.command("runs", "watch", run["id"])))


def _show_step(cli: Cli, run: Run, step: dict[str, Any]) -> None:
    mark = glyph(step["state"], unicode=speaks_unicode(cli.out))
    cli.out.print(
        Text.assemble(
            f"  {clock(step['started_at'] or happened_at(run, step)) or '        '}  ",
            (f"{mark} ", STATE_STYLES.get(step["state"], "")),
            one_line(cli.pasteable(step_words(step))),
        )
    )
    if dropped := _dropped_bytes(cli, run, step):
        lost = f"{size(dropped)} of its log were dropped to keep the log's limit"
        cli.out.print(Text(f"              {lost}", "yellow"))
    for check in step["checks"]:
        cli.out.print(Text(f"              {one_line(_check_words(check))}", "dim"))
    if len(step["attempts"]) > 1 or step["state"] == "failed":
        for attempt in step["attempts"]:
            words = [
                f"attempt {attempt['number']} {attempt['state']}",
                between(attempt["started_at"], attempt["finished_at"]),
                f"exit {attempt['exit_code']}" if attempt["exit_code"] is not None else "",
                attempt["reason"] or "",
                cli.pasteable(attempt["message"]),
            ]
            cli.out.print(
                Text(f"              {one_line('  '.join(w for w in words if w))}", "dim")
            )


def _dropped_bytes(cli: Cli, run: Run, step: dict[str, Any]) -> int:
    """Return how much of the latest attempt's log is gone; asked for in runs of a usual size."""
    if not step["attempts"] or len(run["steps"]) > _MAX_LOGS:
        return 0
    path = f"/runs/{segment(run['id'])}/steps/{segment(step['node'])}/logs"
    try:
        return int(cli.client.header(path, "X-Log-Dropped-Bytes", tail=1) or 0)
    except (HubProblemError, HubUnreachableError):
        return 0  # the log was removed, or may not be read


def _check_words(check: dict[str, Any]) -> str:
    report = check["report"] or {}
    words = [
        clock(check["started_at"] or check["created_at"]),
        f"check {check['number']} {report.get('outcome') or check['state']}",
        between(check["started_at"], check["finished_at"]),
        report.get("message") or check["message"],
    ]
    return "  ".join(word for word in words if word)


def _show_outputs(cli: Cli, run: Run) -> None:
    steps = [step for step in run["steps"] if step["outputs"]]
    if not steps:
        return
    _title(cli, "Outputs")
    for step in steps:
        cli.out.print(Text(f"  {clean(step['node'])}", "bold"))
        pairs = ((f"    {name}", _value(value)) for name, value in step["outputs"].items())
        cli.out.print(facts(pairs))


def _deciders(approval: dict[str, Any]) -> str:
    """Return who answered, and how where that differs from what came of it."""
    usual = {"approved": "approve", "rejected": "reject"}.get(approval["state"])
    return ", ".join(
        f"{decision['principal_name']}"
        + ("" if decision["decision"] == usual else f" ({decision['decision']})")
        for decision in approval.get("decisions", ())
    )


def _times(count: int) -> str | None:
    return None if count < 1 else ("once" if count == 1 else f"{count} times")


def _title(cli: Cli, words: str) -> None:
    cli.out.print()
    cli.out.print(Text(words, "bold underline"))


def _value(value: Any) -> str:
    if isinstance(value, str):
        lines = value.count("\n") + 1
        if lines > 1:
            return f"({lines} lines, {size(len(value.encode()))})"
        return one_line(value, _VALUE_WIDTH) or '""'
    if isinstance(value, list) and len(json.dumps(value)) > _VALUE_WIDTH:
        return f"({len(value)} items; see --json)"
    return one_line(json.dumps(value), _VALUE_WIDTH)


def _indented(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [(f"  {first}", *rest) for first, *rest in rows]
