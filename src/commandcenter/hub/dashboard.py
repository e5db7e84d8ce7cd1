"""The built dashboard: its files, and its one page under every address that is nobody else's."""

from pathlib import Path

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import FileResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from commandcenter.hub.settings import Settings
from commandcenter.kit.errors import NotFoundError
from commandcenter.kit.injection import provide

router = APIRouter(include_in_schema=False)

_PAGE = "index.html"
_MEDIA_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
# The names of built files hold a hash of their content; that of the page does not.
_FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}
_ASK_AGAIN = {"Cache-Control": "no-cache"}
# Addresses for programs: never answered with a page for people.
_NOT_PAGES = ("/api/", "/assets/", "/static/")


def dashboard_page(directory: Path) -> FileResponse | None:
    """Return the dashboard's page, or None while it is not built. Looked up each time: it may
    be built under a hub that runs.
    """
    page = directory / _PAGE
    return FileResponse(page, headers=_ASK_AGAIN) if page.is_file() else None


@router.head("/assets/{name}")
@router.get("/assets/{name}")
async def asset(name: str, request: Request) -> FileResponse:
    """Return a built file. Public like the sign-in page: there is no data in it."""
    file = provide(Settings)(request).dashboard_directory / "assets" / name
    media_type = _MEDIA_TYPES.get(file.suffix)
    if media_type is None or "/" in name or not file.is_file():
        raise NotFoundError(f"There is no file {name[:100]!r}.", hint="Load the page again.")
    return FileResponse(file, media_type=media_type, headers=_FOR_EVER)


def serve_dashboard(app: FastAPI, settings: Settings) -> None:
    """Answer what no route knows with the dashboard's page, which has its own: /runs/run_1."""
    app.router.default = _Fallback(app.router.default, settings.dashboard_directory)


class _Fallback:
    def __init__(self, otherwise: ASGIApp, directory: Path) -> None:
        self._otherwise = otherwise
        self._directory = directory

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if _is_for_people(scope):
            page = dashboard_page(self._directory)
            if page is not None:
                await page(scope, receive, send)
                return
        await self._otherwise(scope, receive, send)


def _is_for_people(scope: Scope) -> bool:
    if scope["type"] != "http" or scope["method"] not in {"GET", "HEAD"}:
        return False
    if f"{scope['path']}/".startswith(_NOT_PAGES):
        return False
    return "text/html" in Request(scope).headers.get("accept", "")
