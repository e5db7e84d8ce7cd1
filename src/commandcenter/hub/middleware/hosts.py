"""Which names the hub answers to, and which sites may make a browser talk to it."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from commandcenter.auth.errors import CrossSiteError
from commandcenter.hub.problems import refuse
from commandcenter.kit.errors import ProblemError

_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class HostNotAllowedError(ProblemError):
    code = "host_not_allowed"
    status = 421
    title = "The hub does not answer to this name"


class HostCheck:
    """Refuse unknown Host headers: a page may otherwise rebind its own name to this address."""

    def __init__(self, app: ASGIApp, *, names: Iterable[str]) -> None:
        self._app = app
        self._names = _LOCAL_NAMES | {name.lower().strip("[]") for name in names}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in {"http", "websocket"}:
            host = host_name(Headers(scope=scope).get("host", ""))
            if host not in self._names:
                error = HostNotAllowedError(
                    f"The request is addressed to {host or 'nobody'}, not a name of this hub.",
                    hint="If it is one, add it to COMMANDCENTER_ALLOWED_HOSTS.",
                )
                await refuse(scope, receive, send, error)
                return
        await self._app(scope, receive, send)


class OriginCheck:
    """Refuse what another site made a browser send: everything unsafe, and WebSockets.

    A request with an Authorization header passes: a browser does not add one by itself.
    """

    def __init__(self, app: ASGIApp, *, origins: Iterable[str]) -> None:
        self._app = app
        self._origins = frozenset(origin.rstrip("/").lower() for origin in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_checked = scope["type"] == "websocket" or (
            scope["type"] == "http" and scope["method"] not in _SAFE_METHODS
        )
        if is_checked and not self._is_from_here(Headers(scope=scope)):
            error = CrossSiteError(
                "The request comes from a page of another site.",
                hint="Use the hub's own pages, a bearer token, or name the site in "
                "COMMANDCENTER_ALLOWED_ORIGINS.",
            )
            await refuse(scope, receive, send, error)
            return
        await self._app(scope, receive, send)

    def _is_from_here(self, headers: Headers) -> bool:
        if "authorization" in headers:
            return True
        origin = headers.get("origin")
        if origin is not None:
            origin = origin.lower()
            if origin in self._origins:
                return True
            # The scheme may differ behind a proxy that ends TLS; the name and port may not.
            return urlsplit(origin).netloc == headers.get("host", "").lower()
        return headers.get("sec-fetch-site", "none") in {"same-origin", "none"}


def host_name(header: str) -> str:
    """Return the name in a Host header, without port and brackets, lower case."""
    if header.startswith("["):
        return header[1:].partition("]")[0].lower()
    return header.partition(":")[0].lower()
