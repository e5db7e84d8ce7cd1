"""Older addresses of the API."""

import re

from starlette.types import ASGIApp, Receive, Scope, Send

_VERSIONED = re.compile(r"/api/v\d+(/|$)")


class UnversionedApi:
    """Serve `/api/x` as `/api/v1/x`, so that clients written before versions go on working."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in {"http", "websocket"}:
            path: str = scope["path"]
            if path.startswith("/api/") and not _VERSIONED.match(path):
                raw: bytes = scope.get("raw_path") or path.encode()
                scope = {
                    **scope,
                    "path": "/api/v1/" + path.removeprefix("/api/"),
                    "raw_path": b"/api/v1/" + raw.removeprefix(b"/api/"),
                }
        await self._app(scope, receive, send)
