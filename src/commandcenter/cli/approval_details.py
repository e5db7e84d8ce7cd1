"""An approval with all there is to decide on: the effect, the diff, who may, how far it is."""

from typing import Any

from rich.text import Text

from commandcenter.cli.durations import left, local
from commandcenter.cli.session import Cli
from commandcenter.cli.terminal import clean, facts, one_line, state_text

_MAX_DIFF_LINES = 2000
_NAMED_FILES = 5
_DIFF_STYLES = (
    ("+++", "bold"),
    ("---", "bold"),
    ("@@", "cyan"),
    ("diff ", "bold"),
    ("+", "green"),
    ("-", "red"),
)


def show_approval(cli: Cli, approval: dict[str, Any]) -> None:
    """Print the approval for a person to decide on."""
    target = approval["effect"].get("target") or {}
    project = approval["effect"].get("project") or {}
    cli.out.print(
        facts(
            (
                ("Approval", approval["id"]),
                ("State", state_text(approval["state"])),
                ("What", f"{approval['agent']}: {_described(approval)}"),
                ("Workflow", f"{approval['workflow']}, node {approval['node']}"),
                ("Run", approval["run_id"]),
                ("Project", project_of(project)),
                ("Target", target_of(target)),
                ("Could touch", "\n".join(approval["blast_radius"])),
                ("Files", _files(approval["changes"])),
                ("Checked", _checked(approval["check"])),
                ("Take care", "\n".join(approval["notes"])),
                ("May decide", _who(approval)),
                ("Answers", _progress(approval)),
                ("Time left", _time_left(approval)),
            )
        )
    )
    _show_inputs(cli, approval)
    if approval["diff"] is not None:
        cli.out.print()
        show_diff(cli, approval["diff"])
    if approval["state"] == "pending":
        cli.out.print()
        for verb in ("approve", "reject"):
            words = cli.command(verb, approval["id"], "--comment", "...")
            cli.out.print(Text.assemble((f"  {verb:<8}", "bold"), words))


def show_diff(cli: Cli, diff: str) -> None:
    """Print a diff in colour, with invisible characters made visible."""
    lines = diff.splitlines()
    for line in lines[:_MAX_DIFF_LINES]:
        style = next((style for start, style in _DIFF_STYLES if line.startswith(start)), "")
        cli.out.print(Text(clean(line, keep="\t"), style))
    if len(lines) > _MAX_DIFF_LINES:
        hidden = len(lines) - _MAX_DIFF_LINES
        cli.out.print(Text(f"... {hidden} more lines are not shown; see --json", "bold yellow"))


def _show_inputs(cli: Cli, approval: dict[str, Any]) -> None:
    effect = approval["effect"]
    shown = {
        name: value
        for name, value in effect["inputs"].items()
        if name != effect.get("diff_input") and value is not None
    }
    if shown:
        pairs = ((f"  {name}", one_line(value, 200)) for name, value in shown.items())
        cli.out.print(Text("Inputs", "bold"))
        cli.out.print(facts(pairs))


def _described(approval: dict[str, Any]) -> str:
    return one_line(approval["effect"]["agent"].get("description") or "")


def project_of(project: dict[str, Any]) -> str | None:
    """Return the words for an effect's project."""
    return f"{project['name']} ({project['path']})" if project else None


def target_of(target: dict[str, Any]) -> str | None:
    """Return the words for the branch and commit an effect is bound to."""
    if not target:
        return None
    return f"{target.get('branch') or 'detached HEAD'} at commit {str(target['commit'])[:12]}"


def _files(changes: list[dict[str, Any]]) -> str | None:
    lines = []
    for change in changes[:50]:
        added, removed = change["added"], change["removed"]
        count = "binary" if added is None or removed is None else f"+{added} -{removed}"
        lines.append(f"{change['change']:<9} {one_line(change['file'])}  {count}")
    if len(changes) > 50:  # noqa: PLR2004  # as above
        lines.append(f"and {len(changes) - 50} more")
    return "\n".join(lines) or None


def _checked(check: dict[str, Any] | None) -> str | None:
    """Return what the agent found out beforehand, and when."""
    if check is None:
        return None
    words = "it can be done" if check["outcome"] == "possible" else "could not be found out"
    lines = [f"{words} ({local(check['at'])})", one_line(check["message"], 300)]
    if check["files"]:
        named = ", ".join(one_line(file) for file in check["files"][:_NAMED_FILES])
        more = check["files_total"] - len(check["files"][:_NAMED_FILES])
        rest = f" and {more} more" if more > 0 else ""
        lines.append(f"{_count(check['files_total'])} would change: {named}{rest}")
    for obstacle in check["conflicts"][:_NAMED_FILES]:
        lines.append(one_line(f"{obstacle['file'] or 'as a whole'}: {obstacle['reason']}", 300))
    return "\n".join(lines)


def _count(files: int) -> str:
    return f"{files} file{'' if files == 1 else 's'}"


def _who(approval: dict[str, Any]) -> str:
    groups = ", ".join(approval["groups"])
    words = f"members of {groups}" if groups else "anybody who may approve"
    return words if approval["allow_self"] else f"{words}, but not who started the run"


def _progress(approval: dict[str, Any]) -> str:
    given = [item for item in approval["decisions"] if item["decision"] == "approve"]
    lines = [f"{len(given)} of {approval['quorum']}"]
    for item in approval["decisions"]:
        comment = f": {one_line(item['comment'])}" if item["comment"] else ""
        when = local(item["decided_at"])
        lines.append(f"{item['decision']} by {item['principal_name']}, {when}{comment}")
    return "\n".join(lines)


def _time_left(approval: dict[str, Any]) -> str | None:
    if approval["state"] != "pending":
        return None
    return f"{left(approval['expires_at'])} (until {local(approval['expires_at'])})"
