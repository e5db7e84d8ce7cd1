"""A run as a live tree in a terminal: state, duration, attempt and last log line of each step."""

import time
from types import TracebackType
from typing import Any, Self

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from commandcenter.cli.client import HubClient, segment
from commandcenter.cli.durations import between, clock
from commandcenter.cli.follow import Run, is_over, pending_approvals
from commandcenter.cli.problems import HubProblemError, HubUnreachableError
from commandcenter.cli.progress import readable
from commandcenter.cli.run_lines import AWAY, ApprovalWords, why_not_started
from commandcenter.cli.run_tree import Row, tree_rows
from commandcenter.cli.terminal import STATE_STYLES, glyph, one_line, speaks_unicode

_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_ASCII_FRAMES = "|/-\\"
_LOG_EVERY_SECONDS = 1.0
_MAX_LOGS = 4
_ROOM_BELOW = 4  # lines kept for the heading and the prompt


class LiveView:
    """Redraws in place; the last drawing stays."""

    tick_seconds = 0.2

    def __init__(
        self, target: Console, approval_words: ApprovalWords | None, client: HubClient
    ) -> None:
        self._target = target
        self._approval_words = approval_words
        self._client = client
        self._unicode = speaks_unicode(target)
        self._run: Run | None = None
        self._is_away = False
        self._asked: set[str] = set()
        self._tails: dict[str, str] = {}
        self._looked_at = 0.0
        self._live = Live(console=target, auto_refresh=False, transient=False)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._draw()
        self._live.stop()

    def update(self, run: Run) -> None:
        self._run = run
        if self._approval_words is not None:
            self._tell_approvals(run, self._approval_words)
        self._draw()

    def tick(self) -> None:
        now = time.monotonic()
        if now - self._looked_at >= _LOG_EVERY_SECONDS and not self._is_away:
            self._looked_at = now
            self._read_tails()
        self._draw()

    def reconnecting(self) -> None:
        self._is_away = True
        self._draw()

    def reconnected(self) -> None:
        self._is_away = False
        self._draw()

    def _tell_approvals(self, run: Run, words: ApprovalWords) -> None:
        """Print above the tree, for good, what approves: whole, so that it can be copied."""
        for approval in pending_approvals(run):
            if approval["id"] not in self._asked:
                self._asked.add(approval["id"])
                for line in words.lines(approval):
                    self._live.console.print(line)

    def _draw(self) -> None:
        if self._run is not None:
            self._live.update(Group(*self._lines(self._run)), refresh=True)

    def _lines(self, run: Run) -> list[Text]:
        project = f" on {run['project']}" if run["project"] else ""
        lines = [
            Text.assemble(
                (f"{run['workflow_name']}@{run['workflow_version']}", "bold"),
                f"{project}  ",
                (run["id"], "dim"),
                "  ",
                (between(run["started_at"], run["finished_at"]), "dim"),
            )
        ]
        room = max(3, self._target.height - _ROOM_BELOW)
        rows = tree_rows(run["steps"])
        lines += [self._row(row) for row in _fitting(rows, room)]
        if len(rows) > room:
            lines.append(Text(f"  {_counts(run)}", "dim"))
        if self._is_away:
            lines.append(Text(f"  {AWAY}", "yellow"))
        for line in lines:
            line.truncate(self._target.width, overflow="ellipsis")
        return lines

    def _row(self, row: Row) -> Text:
        step = row.step
        state = step["state"]
        style = STATE_STYLES.get(state, "")
        line = Text.assemble(
            (row.prefix if self._unicode else "  " * row.depth, "dim"),
            (f"{self._mark(step)} ", style),
            (step["node"], "bold" if state in {"running", "waiting"} else ""),
            "  ",
            (state, style),
        )
        took = between(step["started_at"], step["finished_at"])
        if took and state != "pending" and not step["reused_from"]:
            line.append(f"  {took}", "dim")
        if step["reused_from"]:
            line.append("  earlier result", "dim")
        if len(step["attempts"]) > 1:
            line.append(f"  attempt {len(step['attempts'])}", "yellow")
        if step["retry_at"]:
            line.append(f"  next try at {clock(step['retry_at'])}", "yellow")
        if row.also_needs:
            line.append(f"  after {', '.join(row.also_needs)}", "dim")
        tail = self._tail(step)
        if tail:
            line.append(f"  {one_line(tail, 300)}", "dim italic")
        return line

    def _mark(self, step: dict[str, Any]) -> str:
        if step["state"] != "running":
            return glyph(step["state"], unicode=self._unicode)
        frames = _FRAMES if self._unicode else _ASCII_FRAMES
        return frames[int(time.monotonic() * 8) % len(frames)]

    def _tail(self, step: dict[str, Any]) -> str:
        if step["state"] == "running":
            return why_not_started(step) or self._tails.get(step["node"], "")
        if step["state"] in {"failed", "skipped", "cancelled"}:
            return str(step["message"] or step["reason"] or "")
        return ""

    def _read_tails(self) -> None:
        run = self._run
        if run is None or is_over(run):
            return
        running = [step["node"] for step in run["steps"] if step["state"] == "running"]
        for node in running[:_MAX_LOGS]:
            path = f"/runs/{segment(run['id'])}/steps/{segment(node)}/logs"
            try:
                text = self._client.text(path, accept="text/plain", tail=1)
            except (HubProblemError, HubUnreachableError):
                continue  # no log yet, or the hub is away: the tree does not depend on it
            self._tails[node] = readable(text.strip())


def _fitting(rows: list[Row], room: int) -> list[Row]:
    """Return all rows, or where there are too many those people look for first."""
    if len(rows) <= room:
        return rows
    order = {"failed": 0, "waiting": 1, "running": 2}
    chosen = sorted(rows, key=lambda row: order.get(row.step["state"], 3))[:room]
    wanted = {id(row) for row in chosen}
    return [row for row in rows if id(row) in wanted]


def _counts(run: Run) -> str:
    counts: dict[str, int] = {}
    for step in run["steps"]:
        counts[step["state"]] = counts.get(step["state"], 0) + 1
    return ", ".join(f"{count} {state}" for state, count in counts.items())
