"""`/`, signing in and out, and the static files. The only routes without a principal."""

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response

from commandcenter.auth.authenticator import Authenticator
from commandcenter.auth.credentials import SESSION_LIFETIME, CredentialService
from commandcenter.auth.errors import LoginLinkError
from commandcenter.auth.tokens import MAX_TOKEN_LENGTH, TokenKind
from commandcenter.hub.dashboard import dashboard_page
from commandcenter.hub.page import page, text
from commandcenter.hub.settings import Settings
from commandcenter.kit.errors import NotFoundError
from commandcenter.kit.injection import provide

router = APIRouter(include_in_schema=False)

Auth = Annotated[Authenticator, Depends(provide(Authenticator))]
HubSettings = Annotated[Settings, Depends(provide(Settings))]
Credentials = Annotated[CredentialService, Depends(provide(CredentialService))]

_STATIC = Path(__file__).parent / "static"
_FILES = {"hub.css": "text/css", "icon.svg": "image/svg+xml"}
_HOW_TO_SIGN_IN = (
    "<p>On the machine that runs the hub:</p><pre>commandcenter login-link</pre>"
    "<p class='muted'>It prints a link that signs this browser in, once, within 15 minutes. "
    "Elsewhere, ask an admin for a link.</p>"
)


@router.head("/")
@router.get("/")
async def home(request: Request, auth: Auth, settings: HubSettings) -> Response:
    dashboard = dashboard_page(settings.dashboard_directory)
    if dashboard is not None:
        return dashboard
    value = auth.cookie.read(request)
    caller = await auth.verify(value, TokenKind.SESSION) if value is not None else None
    if caller is None:
        return page("CommandCenter", f"<h1>You are not signed in</h1>{_HOW_TO_SIGN_IN}")
    return page(
        "CommandCenter",
        f"<h1>The hub is running</h1>"
        f"<p>Signed in as <b>{text(caller.name)}</b>, {text(caller.role.value)}.</p>"
        "<div class='card'><p>What to do next, in a terminal:</p>"
        "<pre>commandcenter project add PATH\n"
        "commandcenter run review-and-patch --project NAME --input patch=@fix.diff\n"
        "commandcenter approvals</pre></div>"
        "<p><a href='/approvals'>What waits for a decision</a></p>"
        "<p class='muted'>The dashboard is not built. With Node 20.19 or newer, "
        "<code>make ui</code> in the repository builds it; then load this page again.</p>"
        "<p>The <a href='/docs'>API reference</a> lists everything the hub answers.</p>"
        "<form method='post' action='/logout'><button class='quiet'>Sign out</button></form>",
    )


@router.head("/login")
@router.get("/login")
async def show_login(
    token: Annotated[str | None, Query(max_length=MAX_TOKEN_LENGTH)] = None,
) -> HTMLResponse:
    """Show a button. Only pressing it spends the link: previews and scanners open links too."""
    if token is None:
        return page("Sign in", f"<h1>Sign in</h1>{_HOW_TO_SIGN_IN}")
    return page(
        "Sign in",
        "<h1>Sign in to CommandCenter</h1>"
        "<form method='post' action='/login'>"
        f"<input type='hidden' name='token' value='{text(token)}'>"
        "<button autofocus>Sign in</button></form>"
        "<p class='muted'>The link works once.</p>",
    )


@router.post("/login")
async def login(
    request: Request,
    auth: Auth,
    credentials: Credentials,
    token: Annotated[str, Form(max_length=MAX_TOKEN_LENGTH)],
) -> Response:
    agent = request.headers.get("user-agent", "")
    try:
        session = await credentials.open_session(token, user_agent=agent)
    except LoginLinkError as error:
        auth.count_failure(request)
        body = f"<h1>{text(error.title)}</h1><p>{text(error.detail)}</p>{_HOW_TO_SIGN_IN}"
        return page("Sign in", body, status_code=error.status)
    response = RedirectResponse("/", status_code=303)
    seconds = int(SESSION_LIFETIME.total_seconds())
    auth.cookie.write(response, session.value, max_age_seconds=seconds)
    return response


@router.post("/logout")
async def logout(request: Request, auth: Auth, credentials: Credentials) -> Response:
    """End the session of this browser; idempotent."""
    value = auth.cookie.read(request)
    caller = await auth.verify(value, TokenKind.SESSION) if value is not None else None
    if caller is not None:
        await credentials.close_session(caller)
    response = RedirectResponse("/", status_code=303)
    auth.cookie.clear(response)
    return response


@router.head("/static/{name}")
@router.get("/static/{name}")
async def static_file(name: str) -> FileResponse:
    media_type = _FILES.get(name)
    if media_type is None:
        raise NotFoundError(f"There is no file {name}.")
    headers = {"Cache-Control": "max-age=3600"}
    return FileResponse(_STATIC / name, media_type=media_type, headers=headers)
