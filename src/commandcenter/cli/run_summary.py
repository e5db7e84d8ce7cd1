"""How a run ended: what was found, what was changed, how to take it back, what to do next."""

import shlex
from collections import Counter
from typing import Any

from rich.console import Console
from rich.text import Text

from commandcenter.cli.client import segment
from commandcenter.cli.durations import between
from commandcenter.cli.follow import Run
from commandcenter.cli.last_words import last_words
from commandcenter.cli.problems import HubProblemError, HubUnreachableError
from commandcenter.cli.session import Cli
from commandcenter.cli.terminal import STATE_STYLES, clean, glyph, one_line, speaks_unicode

_SEVERITIES = ("blocker", "critical", "major", "warning", "minor", "info")
_TOP = 5
_SHORT_COMMIT = 12
_CONDITION_FALSE = "condition_false"
# Failures that come again with the same inputs.
_NEEDS_OTHER_INPUTS = frozenset({"check_failed", "rejected"})


def show_summary(
    cli: Cli, target: Console, run: Run, *, top: int = 0, with_next: bool = True
) -> None:
    """Print the result of an ended run; `top`: how many findings to name."""
    state = run["state"]
    mark = glyph(state, unicode=speaks_unicode(target))
    words = f" after {between(run['started_at'], run['finished_at'])}" if run["started_at"] else ""
    message = f": {clean(cli.pasteable(run['message']))}" if run["message"] else ""
    target.print(
        Text.assemble(
            (f"{mark} {run['workflow_name']} {state}", STATE_STYLES.get(state, "")),
            f"{words}{message}  ",
            (run["id"], "dim"),
        )
    )
    asked = 0
    for step in run["steps"]:
        for line in _step_lines(cli, step, top):
            target.print(line)
        tried = step["attempts"] or step["checks"]
        if step["state"] == "failed" and tried and asked < _TOP:
            asked += 1
            said = last_words(cli, run["id"], step)
            if said and not _is_told(step, said):
                target.print(Text(f"    {said}", "red"))
    show_restore(cli, target, run)
    if with_next:
        target.print(Text.assemble(("  Next: ", "bold"), _next(cli, run)))


def _is_told(step: dict[str, Any], said: str) -> bool:
    """Whether a failed check said in its answer what it then said on standard error."""
    if step["reason"] != "check_failed":
        return False
    told = one_line((step["checks"][-1]["report"] or {}).get("message") or "")
    return bool(told) and told in said


def show_restore(cli: Cli, target: Console, run: Run) -> None:
    """Say how to take back what a step changed."""
    for step in run["steps"]:
        outputs = step["outputs"] or {}
        backup, branch = outputs.get("backupPath"), outputs.get("branch")
        if outputs.get("applied") and backup:
            command = f"git -C {_folder(cli, run)} reset --keep {shlex.quote(str(backup))}"
            where = f" (with {clean(branch)} checked out)" if branch else ""
            target.print(Text(f"  Backup: {clean(backup)}"))
            target.print(Text(f"  To take it back{where}: {clean(command)}"))


def _folder(cli: Cli, run: Run) -> str:
    if run["project"]:
        try:
            return shlex.quote(cli.client.get(f"/projects/{segment(run['project'])}")["path"])
        except (HubProblemError, HubUnreachableError):
            pass  # it was removed, or may not be read: the words do without it
    return "FOLDER"


def findings_of(step: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the findings a step's outputs hold, by whichever of the usual names."""
    outputs = step["outputs"] or {}
    for name in ("findings", "issues", "violations"):
        found = outputs.get(name)
        if isinstance(found, list):
            return [item for item in found if isinstance(item, dict)]
    return []


def top_findings(steps: list[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """Return the gravest findings of all steps, each place and message once."""
    everything = sorted((item for step in steps for item in findings_of(step)), key=_gravity)
    seen: set[tuple[Any, ...]] = set()
    found: list[dict[str, Any]] = []
    for item in everything:
        key = (item.get("file"), item.get("line"), item.get("ruleId") or item.get("message"))
        if key not in seen:
            seen.add(key)
            found.append(item)
    return found[:count]


def finding_line(item: dict[str, Any]) -> Text:
    severity = clean(item.get("severity") or "")
    place = clean(item.get("file") or "")
    if item.get("line"):
        place += f":{item['line']}"
    return Text.assemble(
        "    ",
        (f"{severity:<9}", STATE_STYLES.get(severity, "")),
        (f"{place}  ", "bold"),
        one_line(str(item.get("message") or "").partition(". ")[0], 100),
    )


def _step_lines(cli: Cli, step: dict[str, Any], top: int) -> list[Text]:
    outputs = step["outputs"] or {}
    lines: list[Text] = []
    if step["state"] == "skipped" and step["reason"] == _CONDITION_FALSE:
        why = one_line(step["message"] or "its condition is false", 300)
        lines.append(Text(f"  {step['node']} was skipped, and did nothing: {why}"))
    if step["state"] == "failed":
        reason = one_line(cli.pasteable(step["message"] or step["reason"] or ""), 400)
        lines.append(Text.assemble((f"  {step['node']} failed: ", "red"), reason))
        if step["reason"] == "check_failed":
            found = (step["checks"][-1]["report"] or {}).get("conflicts") or []
            lines += _conflicts([item for item in found if item["file"]])
    found = findings_of(step)
    if found or any(isinstance(outputs.get(n), list) for n in ("findings", "issues", "violations")):
        total = outputs.get("findingsTotal") or len(found)
        lines.append(Text(f"  {step['node']}: {_count(found, int(total))}{_score(outputs)}"))
        lines += [finding_line(item) for item in sorted(found, key=_gravity)[:top]]
    elif "score" in outputs:
        lines.append(Text(f"  {step['node']}:{_score(outputs)}"))
    if outputs.get("applied") is True:
        commit = str(outputs.get("commit") or "")[:_SHORT_COMMIT]
        files = outputs.get("filesModified") or []
        changed = f"{len(files)} file{'' if len(files) == 1 else 's'}"
        on_branch = f" on {outputs['branch']}" if outputs.get("branch") else ""
        lines.append(Text(f"  {step['node']}: commit {clean(commit)}{clean(on_branch)}, {changed}"))
    elif outputs.get("applied") is False:
        lines.append(
            Text(f"  {step['node']}: nothing applied ({one_line(outputs.get('reason') or '')})")
        )
        lines += _conflicts(outputs.get("conflicts") or [])
    return lines


def _conflicts(found: list[dict[str, Any]]) -> list[Text]:
    words = [": ".join(item[key] for key in ("file", "reason") if item.get(key)) for item in found]
    return [Text(f"    {one_line(each)}", "red") for each in words[:_TOP]]


def _count(found: list[dict[str, Any]], total: int) -> str:
    counts = Counter(str(item.get("severity") or "other") for item in found)
    known = [f"{counts[name]} {name}" for name in _SEVERITIES if counts[name]]
    words = f"{total} finding{'' if total == 1 else 's'}"
    return f"{words} ({', '.join(known)})" if known else words


def _score(outputs: dict[str, Any]) -> str:
    score = outputs.get("score")
    return f" score {score} of 100" if isinstance(score, int | float) else ""


def _gravity(item: dict[str, Any]) -> int:
    severity = item.get("severity")
    return _SEVERITIES.index(severity) if severity in _SEVERITIES else len(_SEVERITIES)


def _next(cli: Cli, run: Run) -> str:
    failed = [step for step in run["steps"] if step["state"] == "failed"]
    if run["state"] == "failed" and failed:
        logs = cli.command("runs", "logs", run["id"], failed[0]["node"])
        if failed[0]["reason"] in _NEEDS_OTHER_INPUTS:
            again = cli.command(*_rerun_otherwise(run, failed[0]["node"]))
            if failed[0]["reason"] == "rejected":
                return again  # it never ran: there are no logs of its own
        else:
            again = cli.command("runs", "rerun", run["id"])
        return f"{logs}   then: {again}"
    if run["state"] == "cancelled":
        return cli.command("runs", "rerun", run["id"])
    return cli.command("runs", "show", run["id"])


def _rerun_otherwise(run: Run, node: str) -> tuple[str, ...]:
    """Return a rerun with another input: with the same ones it would end the same way."""
    texts = [
        name
        for name, value in run["inputs"].items()
        if isinstance(value, str) and ("\n" in value or name in {"patch", "diff"})
    ]
    if texts:
        changed = ("--input", f"{texts[0]}=@new.diff")
    else:
        changed = ("--step-input", f"{node}.NAME=VALUE")
    return ("runs", "rerun", run["id"], "--from", node, *changed)
