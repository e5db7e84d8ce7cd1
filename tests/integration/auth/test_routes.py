"""Every route, those of all domains too, needs a principal; the table of roles is enforced."""

from collections.abc import Iterator

import httpx
import pytest
from fastapi.routing import APIRoute, APIWebSocketRoute, RouteContext, iter_route_contexts

from commandcenter.auth.caller import Require
from commandcenter.auth.permissions import ROLE_PERMISSIONS, Permission, Role
from commandcenter.hub.app import create_app
from commandcenter.hub.settings import Settings
from tests import web
from tests.conftest import RunningHub

PUBLIC = {
    ("GET", "/"),
    ("GET", "/login"),
    ("POST", "/login"),
    ("POST", "/logout"),
    ("GET", "/static/{name}"),
    ("GET", "/assets/{name}"),
    ("GET", "/docs"),
    ("GET", "/openapi.json"),
    ("GET", "/health"),
}

# Pages ask within, so that a refusal is a page as well.
CHECKED_WITHIN = {
    ("GET", "/approvals"): Permission.APPROVALS_READ,
    ("GET", "/approvals/{approval_id}"): Permission.APPROVALS_READ,
    ("POST", "/approvals/{approval_id}"): Permission.APPROVALS_ANSWER,
}
_FORM = {"decision": "approve"}


def _routes() -> Iterator[tuple[str, str, RouteContext]]:
    app = create_app(Settings(port=0))
    for context in iter_route_contexts(app.routes):
        path = context.path or ""
        if isinstance(context.original_route, APIWebSocketRoute):
            yield "WEBSOCKET", path, context
        else:
            for method in sorted((context.methods or set()) - {"HEAD"}):
                yield method, path, context


def _permission(method: str, path: str, context: RouteContext) -> Permission | None:
    if (method, path) in CHECKED_WITHIN:
        return CHECKED_WITHIN[method, path]
    route = context.original_route
    assert isinstance(route, APIRoute | APIWebSocketRoute)
    found = [
        dependency.call.permission
        for dependency in route.dependant.dependencies
        if isinstance(dependency.call, Require)
    ]
    assert len(found) <= 1, f"{context.path} asks for two permissions"
    return found[0] if found else None


ALL = list(_routes())
GUARDED = [(method, path, context) for method, path, context in ALL if (method, path) not in PUBLIC]


def test_public_routes_are_those_listed() -> None:
    open_routes = {
        (method, path)
        for method, path, context in ALL
        if _permission(method, path, context) is None
    }

    assert open_routes == PUBLIC


def _filled(path: str) -> str:
    parts = [("x1" if part.startswith("{") else part) for part in path.split("/")]
    return "/".join(parts)


async def _status(client: httpx.AsyncClient, method: str, path: str) -> int:
    if method == "WEBSOCKET":
        upgrade = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        }
        async with client.stream("GET", path, headers=upgrade) as answer:
            return answer.status_code
    data = _FORM if method == "POST" else None
    answer = await client.request(method, path, data=data)
    return answer.status_code


async def test_every_other_route_refuses_anonymous_callers(sqlite_hub: RunningHub) -> None:
    statuses = {
        (method, prefix, path): await _status(
            sqlite_hub.anonymous, method, _filled(path).replace("/api/v1", prefix)
        )
        for method, path, _ in GUARDED
        for prefix in ("/api/v1", "/api")
    }

    assert {key: status for key, status in statuses.items() if status != 401} == {}


@pytest.mark.parametrize("role", list(Role))
async def test_every_route_follows_the_table_of_roles(sqlite_hub: RunningHub, role: Role) -> None:
    token = await sqlite_hub.token_for(role.value, name=f"the-{role.value}")
    wrong = {}
    async with web.async_client(
        url=sqlite_hub.url, headers={"Authorization": f"Bearer {token}"}
    ) as client:
        for method, path, context in GUARDED:
            permission = _permission(method, path, context)
            if permission in ROLE_PERMISSIONS[role]:
                continue  # what is allowed is tested where it is done
            status = await _status(client, method, _filled(path))
            if status != 403:
                wrong[method, path] = status

    assert wrong == {}
