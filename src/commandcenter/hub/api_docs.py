"""/openapi.json, and /docs: the same for people, rendered here, without scripts or other hosts."""

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from starlette.responses import HTMLResponse, JSONResponse, Response

from commandcenter.hub.page import page, text

router = APIRouter(include_in_schema=False)

_PUBLIC_PATHS = frozenset({"/health"})
_PROBLEM = {
    "type": "object",
    "description": "RFC 9457. `code` is stable; `detail` and `hint` are for people.",
    "required": ["type", "code", "title", "status", "detail", "fields"],
    "properties": {
        "type": {"type": "string"},
        "code": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "hint": {"type": ["string", "null"]},
        "fields": {"type": "object"},
    },
}
_PROBLEM_ANSWER = {
    "description": "Problem",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
_METHODS = ("get", "post", "put", "patch", "delete")


@router.get("/openapi.json")
async def openapi(request: Request) -> Response:
    return JSONResponse(openapi_document(request.app))


@router.get("/docs")
async def docs(request: Request) -> HTMLResponse:
    return page("API · CommandCenter", _render(openapi_document(request.app)))


def openapi_document(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document with this API's security and problems; made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description="The same routes answer under /api/ without the version.",
            routes=app.routes,
        )
        components = document.setdefault("components", {})
        schemas = components.setdefault("schemas", {})
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        schemas["Problem"] = _PROBLEM
        components["securitySchemes"] = {
            "token": {"type": "http", "scheme": "bearer"},
            "session": {"type": "apiKey", "in": "cookie", "name": "commandcenter_session"},
        }
        document["security"] = [{"token": []}, {"session": []}]
        for path, _, operation in _operations(document):
            operation["responses"].pop("422", None)
            operation["responses"]["default"] = _PROBLEM_ANSWER
            if path in _PUBLIC_PATHS:
                operation["security"] = [{}, *document["security"]]
        app.openapi_schema = document
    return app.openapi_schema


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method in _METHODS:
            if method in methods:
                yield path, method, methods[method]


def _render(document: dict[str, Any]) -> str:
    groups: dict[str, list[str]] = defaultdict(list)
    for path, method, operation in _operations(document):
        tag = (operation.get("tags") or ["other"])[0]
        groups[tag].append(_operation(path, method, operation))
    parts = [
        "<h1>API</h1>",
        (
            "<p>Send <code>Authorization: Bearer TOKEN</code>, or use the session of this browser. "
            "The machine-readable form is <a href='/openapi.json'>openapi.json</a>. "
            "Every error is a problem document with a stable <code>code</code>. "
            "The same routes answer under <code>/api/</code> without the version.</p>"
        ),
    ]
    for tag in sorted(groups):
        parts.append(f"<h2>{text(tag)}</h2>")
        parts.extend(groups[tag])
    parts.append("<h2>Schemas</h2>")
    for name, schema in sorted(document["components"]["schemas"].items()):
        parts.append(
            f"<details id='{text(name)}'><summary>{text(name)}</summary><div>{_json(schema)}"
            "</div></details>"
        )
    return "\n".join(parts)


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    inner = [f"<p>{text(operation.get('description', ''))}</p>"]
    if operation.get("parameters"):
        rows = "".join(
            f"<tr><td><code>{text(item['name'])}</code></td><td>{text(item['in'])}</td>"
            f"<td>{'required' if item.get('required') else 'optional'}</td>"
            f"<td>{_type(item.get('schema', {}))} {text(item.get('description', ''))}</td></tr>"
            for item in operation["parameters"]
        )
        inner.append(f"<table><tr><th>name<th>in<th><th>type</tr>{rows}</table>")
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        inner.append(f"<p>Body ({text(media)}): {_type(content.get('schema', {}))}</p>")
    rows = "".join(
        f"<tr><td>{text(status)}</td><td>{text(answer.get('description', ''))}</td>"
        f"<td>{_answer_type(answer)}</td></tr>"
        for status, answer in operation["responses"].items()
    )
    inner.append(f"<table><tr><th>status<th>meaning<th>body</tr>{rows}</table>")
    return (
        f"<details><summary><b>{method.upper()}</b> <code>{text(path)}</code> "
        f"<span class='muted'>{text(operation.get('summary', ''))}</span></summary>"
        f"<div>{''.join(inner)}</div></details>"
    )


def _answer_type(answer: dict[str, Any]) -> str:
    return ", ".join(_type(item.get("schema", {})) for item in answer.get("content", {}).values())


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = text(schema["$ref"].rpartition("/")[2])
        return f"<a href='#{name}'>{name}</a>"
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return " or ".join(_type(item) for item in schema[choice])
    if "enum" in schema:
        return " | ".join(f"<code>{text(value)}</code>" for value in schema["enum"])
    return f"<code>{text(schema.get('type', 'any'))}</code>"


def _json(value: object) -> str:
    return f"<pre>{text(json.dumps(value, indent=2, ensure_ascii=False))}</pre>"
