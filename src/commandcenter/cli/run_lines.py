"""A run as plain lines, for pipes, files and CI: one line per change."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.text import Text

from commandcenter.cli.durations import between, clock, duration, parse_time
from commandcenter.cli.follow import Run, pending_approvals
from commandcenter.cli.terminal import STATE_STYLES, glyph, one_line, speaks_unicode

AWAY = "the hub is away; reconnecting ... Runs go on; Ctrl-C is safe."
_QUIET_STATES = frozenset({"pending", "queued"})


class LineView:
    """Prints what changed since it last looked."""

    tick_seconds = 0.5

    def __init__(self, target: Console, approval_words: "ApprovalWords | None") -> None:
        self._target = target
        self._approval_words = approval_words
        self._states: dict[str, str] = {}
        self._attempts: set[str] = set()
        self._asked: set[str] = set()
        self._not_started: dict[str, str] = {}
        self._is_away = False
        self._run_state: str | None = None

    def prime(self, run: Run) -> None:
        """Take what is so far for told."""
        self._run_state = run["state"]
        self._states = {step["node"]: step["state"] for step in run["steps"]}
        self._attempts = {attempt["id"] for step in run["steps"] for attempt in step["attempts"]}
        self._asked = {approval["id"] for approval in run["approvals"]}

    def update(self, run: Run) -> None:
        if run["state"] != self._run_state:
            self._run_state = run["state"]
            if run["state"] == "running":
                self._print(run["started_at"], "running", _begun(run))
        for step in run["steps"]:
            self._tell_attempts(step)
            self._tell_not_started(step)
            self._tell_step(run, step)
        for approval in pending_approvals(run):
            if approval["id"] not in self._asked:
                self._asked.add(approval["id"])
                for line in self._approval_words.lines(approval) if self._approval_words else ():
                    self._target.print(line)

    def tick(self) -> None:
        pass

    def reconnecting(self) -> None:
        if not self._is_away:
            self._is_away = True
            self._target.print(Text(f"  {AWAY}", "yellow"))

    def reconnected(self) -> None:
        self._is_away = False
        self._target.print(Text("  the hub is back", "green"))

    def _tell_attempts(self, step: dict[str, Any]) -> None:
        """Tell of attempts that failed and are followed by another one."""
        for attempt in step["attempts"]:
            is_told = attempt["id"] in self._attempts
            is_last = attempt is step["attempts"][-1]
            if is_told or attempt["state"] != "failed" or (is_last and not step["retry_at"]):
                continue
            self._attempts.add(attempt["id"])
            words = f"{step['node']}: attempt {attempt['number']} failed ({_why(attempt)})"
            if is_last:
                seconds = parse_time(step["retry_at"])
                words += f", next at {clock(step['retry_at'])}" if seconds else ""
            self._print(attempt["finished_at"], "failed", words)

    def _tell_not_started(self, step: dict[str, Any]) -> None:
        """Tell of a step that could not even begin an attempt; once for each reason."""
        message = why_not_started(step)
        if message and self._not_started.get(step["node"]) != message:
            self._not_started[step["node"]] = message
            words = f"{step['node']}: {message} Next try at {clock(step['retry_at'])}"
            self._print(datetime.now(UTC).isoformat(), "waiting", words)

    def _tell_step(self, run: Run, step: dict[str, Any]) -> None:
        state = step["state"]
        if self._states.get(step["node"]) == state or state in _QUIET_STATES:
            return
        self._states[step["node"]] = state
        at = happened_at(run, step) or datetime.now(UTC).isoformat()
        self._print(at, state, step_words(step))

    def _print(self, at: Any, state: str, words: str) -> None:
        mark = glyph(state, unicode=speaks_unicode(self._target))
        self._target.print(
            Text.assemble(
                (f"{clock(at) or '        '} ", "dim"),
                (f"{mark} ", STATE_STYLES.get(state, "")),
                one_line(words, 400),
            )
        )


@dataclass(frozen=True, slots=True)
class ApprovalWords:
    """What is said where a run waits for people: the commands for an approval's id, the link."""

    approve: Callable[[str], str]
    show: Callable[[str], str]
    url: str

    def lines(self, approval: dict[str, Any]) -> list[Text]:
        wanted = approval["id"]
        return [
            Text.assemble(("  Approval needed ", "bold yellow"), f"for {approval['node']}:"),
            *(Text(f"    take care   {note}", "yellow") for note in notes_of(approval)),
            Text.assemble("    look at it  ", (self.show(wanted), "bold")),
            Text.assemble("    approve     ", (self.approve(wanted), "bold")),
            Text.assemble("    in browser  ", (f"{self.url}/approvals/{wanted}", "underline")),
        ]


def notes_of(approval: dict[str, Any]) -> list[str]:
    """Return what to know before deciding; a hub of an earlier version tells nothing."""
    return [one_line(note, 400) for note in approval.get("notes", ())]


def happened_at(run: Run, step: dict[str, Any]) -> str | None:
    """Return when the step came into its state, None where nothing says so.

    What is told may have happened long ago: before a restart of the hub, or of this command.
    """
    if step["state"] == "waiting":
        asked = (item for item in run["approvals"] if item["id"] == step["approval_id"])
        return next((str(item["created_at"]) for item in asked), None)
    if step["state"] == "running" and step["attempts"]:
        return str(step["attempts"][-1]["created_at"])
    found: str | None = step["finished_at"] or step["started_at"]
    return found


def step_words(step: dict[str, Any]) -> str:
    """Return a step's state in words: name, state, duration, attempts, reason."""
    words = [f"{step['node']} {step['state']}"]
    if step["reused_from"]:
        words.append(f"(result of {step['reused_from']})")
    elif step["finished_at"] and step["started_at"]:
        words.append(f"in {between(step['started_at'], step['finished_at'])}")
    if len(step["attempts"]) > 1:
        words.append(f"(attempt {len(step['attempts'])})")
    if step["state"] == "waiting" and step["approval_id"]:
        words.append("for an approval")
    if step["state"] == "running":
        words.append(f"({step['agent']} {step['agent_version']})")
        if step["message"]:
            words.append(f"- {step['message']}")
    why = _why(step)
    if why and step["state"] not in {"succeeded", "running", "waiting"}:
        words.append(f"- {why}")
    return " ".join(words)


def why_not_started(step: dict[str, Any]) -> str:
    """Return why the step's next attempt could not be started, "" where that is not so."""
    last_failed = step["attempts"] and step["attempts"][-1]["state"] == "failed"
    return str(step["message"] or "") if step["retry_at"] and not last_failed else ""


def _why(item: dict[str, Any]) -> str:
    return str(item.get("message") or item.get("reason") or "")


def _begun(run: Run) -> str:
    project = f" on {run['project']}" if run["project"] else ""
    return f"{run['id']} {run['workflow_name']}@{run['workflow_version']}{project} {run['state']}"


def took(run: Run) -> str:
    """Return how long a run took."""
    began, ended = parse_time(run["started_at"]), parse_time(run["finished_at"])
    return duration((ended - began).total_seconds()) if began and ended else ""
