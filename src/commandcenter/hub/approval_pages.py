"""Deciding in a browser without the dashboard, where that is not built: plain pages, no script."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from commandcenter.approvals.check import CheckOutcome
from commandcenter.approvals.schemas import ApprovalView, CheckView, FileChange
from commandcenter.approvals.service import ApprovalService
from commandcenter.approvals.states import Answer, ApprovalState
from commandcenter.auth.caller import require
from commandcenter.auth.errors import UnauthenticatedError
from commandcenter.auth.permissions import Permission
from commandcenter.hub.dashboard import dashboard_page
from commandcenter.hub.page import page, text
from commandcenter.hub.settings import Settings
from commandcenter.kit.errors import ProblemError
from commandcenter.kit.injection import provide
from commandcenter.kit.pages import DEFAULT_PAGE

router = APIRouter(include_in_schema=False)

Service = Annotated[ApprovalService, Depends(provide(ApprovalService))]
HubSettings = Annotated[Settings, Depends(provide(Settings))]

_MAX_COMMENT = 4000
_NAMED_FILES = 20
_LINE_CLASSES = {"+": "added", "-": "removed", "@": "hunk"}


@router.head("/approvals")
@router.get("/approvals")
async def pending(request: Request, service: Service, settings: HubSettings) -> Response:
    """List what waits for a decision."""
    dashboard = dashboard_page(settings.dashboard_directory)
    if dashboard is not None:
        return dashboard
    try:
        await require(Permission.APPROVALS_READ)(request)
    except ProblemError as problem:
        return _refused(problem)
    found = await service.page(
        state=ApprovalState.PENDING, run_id=None, cursor=None, limit=DEFAULT_PAGE
    )
    if not found:
        return page("Approvals", "<h1>Nothing waits for a decision</h1>")
    items = "".join(
        f"<li><a href='/approvals/{text(approval.id)}'>{text(approval.effect['workflow'])}: "
        f"{text(approval.node)}</a> <span class='muted'>{text(approval.effect['agent']['name'])}, "
        f"asked {approval.created_at:%Y-%m-%d %H:%M} UTC</span></li>"
        for approval in found
    )
    return page("Approvals", f"<h1>Waiting for a decision</h1><ul>{items}</ul>")


@router.head("/approvals/{approval_id}")
@router.get("/approvals/{approval_id}")
async def show(
    request: Request, approval_id: str, service: Service, settings: HubSettings
) -> Response:
    """Show everything to decide on, and the buttons while it is undecided."""
    dashboard = dashboard_page(settings.dashboard_directory)
    if dashboard is not None:
        return dashboard
    try:
        await require(Permission.APPROVALS_READ)(request)
        view = ApprovalView.of_decisions(*await service.get(approval_id))
    except ProblemError as problem:
        return _refused(problem)
    return _shown(view)


@router.post("/approvals/{approval_id}")
async def decide(
    request: Request,
    approval_id: str,
    service: Service,
    decision: Annotated[Answer, Form()],
    comment: Annotated[str, Form(max_length=_MAX_COMMENT)] = "",
) -> Response:
    """Take the answer. The origin of the form was checked before this is reached."""
    try:
        caller = await require(Permission.APPROVALS_ANSWER)(request)
        await service.answer(caller, approval_id, decision, comment)
    except ProblemError as problem:
        return _refused(problem)
    return RedirectResponse(f"/approvals/{approval_id}", status_code=303)


def _refused(problem: ProblemError) -> HTMLResponse:
    hint = f"<p class='muted'>{text(problem.hint)}</p>" if problem.hint else ""
    if isinstance(problem, UnauthenticatedError):
        hint = (
            "<p>On the machine that runs the hub, <code>commandcenter login-link</code> prints a "
            "link that signs this browser in. Then open this page again.</p>"
        )
    body = f"<h1>{text(problem.title)}</h1><p>{text(problem.detail)}</p>{hint}"
    return page(problem.title, body, status_code=problem.status)


def _shown(view: ApprovalView) -> HTMLResponse:
    radius = "".join(f"<li>{text(line)}</li>" for line in view.blast_radius)
    notes = "".join(f"<li class='bad'>{text(note)}</li>" for note in view.notes)
    who = f"members of {', '.join(view.groups)}" if view.groups else "anyone who may approve"
    given = sum(1 for answer in view.decisions if answer.decision == Answer.APPROVE.value)
    parts = [
        f"<h1>{text(view.workflow)}: {text(view.node)}</h1>",
        f"<p>The agent <b>{text(view.agent)}</b> wants to run"
        f"{f' on project <b>{text(view.project)}</b>' if view.project else ''}. "
        f"State: <b>{text(view.state)}</b>.</p>",
        f"<div class='card'><b>What it could touch</b><ul>{radius}{notes}</ul>",
        f"<p class='muted'>To be decided by {text(who)}; {given} of {view.quorum} approvals; "
        f"until {view.expires_at:%Y-%m-%d %H:%M} UTC.</p></div>",
        _checked(view.check) if view.check is not None else "",
        _answers(view),
        _form(view) if view.state == ApprovalState.PENDING.value else "",
        _changes(view),
        _diff(view.diff) if view.diff is not None else _inputs(view),
    ]
    return page(f"Approval {view.id}", "".join(parts))


def _checked(check: CheckView) -> str:
    known = check.outcome is CheckOutcome.POSSIBLE
    words = (
        "Checked: it can be done" if known else "It could not be found out whether it can be done"
    )
    lines = [f"<li class='{'' if known else 'bad'}'>{text(check.message)}</li>"]
    if check.files:
        named = ", ".join(f"<code>{text(file)}</code>" for file in check.files[:_NAMED_FILES])
        more = check.files_total - len(check.files[:_NAMED_FILES])
        rest = f" and {more} more" if more > 0 else ""
        lines.append(f"<li>{check.files_total} to be changed: {named}{rest}</li>")
    lines += [
        f"<li class='bad'>{text(one.file or 'as a whole')}: {text(one.reason)}</li>"
        for one in check.conflicts[:_NAMED_FILES]
    ]
    return (
        f"<div class='card'><b>{words}</b><ul>{''.join(lines)}</ul>"
        f"<p class='muted'>Tried by the agent at {check.at:%Y-%m-%d %H:%M:%S} UTC without being "
        "able to change anything. It looks again before it starts.</p></div>"
    )


def _answers(view: ApprovalView) -> str:
    return "".join(
        f"<p><b>{text(answer.principal_name)}</b>: {text(answer.decision)}, "
        f"{answer.decided_at:%Y-%m-%d %H:%M:%S} UTC"
        f"{f' &ldquo;{text(answer.comment)}&rdquo;' if answer.comment else ''}</p>"
        for answer in view.decisions
    )


def _form(view: ApprovalView) -> str:
    return (
        f"<form class='decide' method='post' action='/approvals/{text(view.id)}'>"
        f"<label>Comment <input name='comment' maxlength='{_MAX_COMMENT}'></label>"
        "<button name='decision' value='approve'>Approve</button> "
        "<button class='quiet' name='decision' value='reject'>Reject</button></form>"
    )


def _changes(view: ApprovalView) -> str:
    if not view.changes:
        return ""
    rows = "".join(
        f"<tr><td><code>{text(change.file)}</code></td><td>{text(change.change)}</td>"
        f"<td>{_lines(change)}</td></tr>"
        for change in view.changes
    )
    return f"<h2>Files</h2><table>{rows}</table>"


def _lines(change: FileChange) -> str:
    return "binary" if change.added is None else f"+{change.added} -{change.removed}"


def _diff(diff: str) -> str:
    lines = "".join(
        f"<span class='{_LINE_CLASSES.get(line[:1], '')}'>{text(line)}</span>\n"
        for line in diff.splitlines()
    )
    return f"<h2>Diff</h2><pre class='diff'>{lines}</pre>"


def _inputs(view: ApprovalView) -> str:
    rows = "".join(
        f"<tr><th>{text(name)}</th><td><code>{text(value)}</code></td></tr>"
        for name, value in view.effect["inputs"].items()
    )
    return f"<h2>Inputs</h2><table>{rows}</table>"
