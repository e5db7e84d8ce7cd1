"""Answering an approval: what `approve` and `reject` have in common."""

from typing import Any

from rich.text import Text

from commandcenter.cli.approval_details import project_of, target_of
from commandcenter.cli.client import segment
from commandcenter.cli.exit_codes import ExitCode
from commandcenter.cli.follow_command import follow
from commandcenter.cli.references import approval_id
from commandcenter.cli.session import Cli
from commandcenter.cli.terminal import clean, facts, one_line

_NAMED_FILES = 5


def answer(cli: Cli, given: str, decision: str, comment: str, *, watch: bool) -> ExitCode:
    """Answer the approval and say what that decided; with `watch` follow its run."""
    wanted = approval_id(cli.client, given, pending=True)
    body = {"decision": decision, "comment": comment}
    approval = cli.client.post(f"/approvals/{segment(wanted)}/respond", body)
    if watch:
        if not cli.json:
            _show(cli, approval)
        return follow(cli, approval["run_id"])
    cli.emit(approval, lambda: _show(cli, approval, with_next=True))
    return ExitCode.OK


def _show(cli: Cli, approval: dict[str, Any], *, with_next: bool = False) -> None:
    state = approval["state"]
    where = clean(f"{approval['workflow']}/{approval['node']}")
    if state == "pending":
        given = sum(1 for item in approval["decisions"] if item["decision"] == "approve")
        words = f"{given} of {approval['quorum']} approvals; {where} still waits."
    elif state == "approved":
        words = f"{where} is approved and goes on."
    else:
        words = f"{where} is {state}."
    cli.out.print(Text(f"{approval['id']}: {words}"))
    cli.out.print(facts(_decided(approval)))
    if with_next:
        watch = cli.command("runs", "watch", approval["run_id"])
        cli.out.print(Text.assemble(("  Follow: ", "bold"), watch))


def _decided(approval: dict[str, Any]) -> tuple[tuple[str, str | None], ...]:
    """Return what the answer was about, so that a wrong one is noticed at once."""
    effect = approval["effect"]
    files = [change["file"] for change in approval["changes"]]
    return (
        ("  Project", project_of(effect.get("project") or {})),
        ("  Target", target_of(effect.get("target") or {})),
        ("  Files", _files(files)),
        ("  Could touch", "\n".join(approval["blast_radius"])),
    )


def _files(files: list[str]) -> str | None:
    if not files:
        return None
    named = ", ".join(one_line(file) for file in files[:_NAMED_FILES])
    more = f" and {len(files) - _NAMED_FILES} more" if len(files) > _NAMED_FILES else ""
    return f"{len(files)} file{'' if len(files) == 1 else 's'}: {named}{more}"
