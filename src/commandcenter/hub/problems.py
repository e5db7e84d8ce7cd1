"""Every error as an RFC 9457 problem document: no stack, no secret, words for the user."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError, WebSocketRequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from commandcenter.auth.errors import TooManyRequestsError, UnauthenticatedError
from commandcenter.kit.disk import DiskFullError, disk_full
from commandcenter.kit.errors import InvalidInputError, ProblemError
from commandcenter.kit.ids import new_id

_log = structlog.get_logger(__name__)

_CODES = {
    HTTPStatus.NOT_FOUND: "not_found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method_not_allowed",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "body_too_large",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "unsupported_media_type",
}
_MAX_FIELD_ERRORS = 50


class ProblemResponse(JSONResponse):
    media_type = "application/problem+json"


def problem_response(
    error: ProblemError, *, headers: Mapping[str, str] | None = None
) -> ProblemResponse:
    extra: dict[str, str] = dict(headers or {})
    if isinstance(error, UnauthenticatedError):
        extra["WWW-Authenticate"] = "Bearer"
    if isinstance(error, TooManyRequestsError):
        extra["Retry-After"] = str(error.fields["retry_after_seconds"])
    if isinstance(error, DiskFullError):
        _log.warning("disk_full", detail=error.detail)
    extra["Cache-Control"] = "no-store"
    return ProblemResponse(
        _document(
            code=error.code,
            status=error.status,
            title=error.title,
            detail=error.detail,
            hint=error.hint,
            fields=error.fields,
        ),
        status_code=error.status,
        headers=extra,
    )


def unexpected_response(
    error: BaseException, data_directory: Path | None = None
) -> ProblemResponse:
    """Log the error with an id and tell the client the id alone; a full disk is told as such."""
    full = disk_full(error, data_directory)
    if full is not None:
        return problem_response(full)
    error_id = new_id("err")
    _log.error("unexpected_error", error_id=error_id, exc_info=error)
    return ProblemResponse(
        _document(
            code=ProblemError.code,
            status=ProblemError.status,
            title=ProblemError.title,
            detail="The hub met an error that it did not expect.",
            hint=f"The hub's log tells more under {error_id}.",
            fields={"error_id": error_id},
        ),
        status_code=500,
        headers={"Cache-Control": "no-store"},
    )


async def refuse(scope: Scope, receive: Receive, send: Send, error: ProblemError) -> None:
    """Answer a request, or a WebSocket's handshake, with a problem."""
    await problem_response(error)(scope, receive, send)


def add_problem_handlers(app: FastAPI) -> None:
    app.add_exception_handler(ProblemError, _handle)
    app.add_exception_handler(RequestValidationError, _handle)
    app.add_exception_handler(WebSocketRequestValidationError, _handle)
    app.add_exception_handler(HTTPException, _handle)


async def _handle(connection: Request | WebSocket, error: Exception) -> Any:
    response = _response_for(error)
    if isinstance(connection, WebSocket):
        await connection.send_denial_response(response)
        return None
    return response


def _response_for(error: Exception) -> Response:
    if isinstance(error, ProblemError):
        return problem_response(error)
    if isinstance(error, RequestValidationError | WebSocketRequestValidationError):
        return problem_response(_from_validation(error.errors()))
    if isinstance(error, HTTPException):
        return _from_http_exception(error)
    return unexpected_response(error)


def _from_validation(errors: Sequence[Any]) -> InvalidInputError:
    # `input` and `ctx` are left out: they repeat what was sent, which may be a secret.
    found = [
        {"path": ".".join(str(part) for part in error["loc"]), "message": str(error["msg"])}
        for error in errors[:_MAX_FIELD_ERRORS]
    ]
    first = found[0]
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    words = f"{first['path']}: {first['message']}" if first["path"] else first["message"]
    return InvalidInputError(f"{words}{more}", fields={"errors": found})


def _from_http_exception(error: HTTPException) -> ProblemResponse:
    status = HTTPStatus(error.status_code)
    detail = str(error.detail)
    hint = None
    if status is HTTPStatus.NOT_FOUND and detail == status.phrase:
        detail = "There is nothing at this address."
        hint = "/docs lists what there is."
    elif status is HTTPStatus.METHOD_NOT_ALLOWED:
        detail = "This address does not take this method."
        hint = f"It takes: {(error.headers or {}).get('Allow', 'another one')}."
    return ProblemResponse(
        _document(
            code=_CODES.get(status, status.name.lower()),
            status=status.value,
            title=status.phrase,
            detail=detail,
            hint=hint,
            fields={},
        ),
        status_code=status.value,
        headers={**(error.headers or {}), "Cache-Control": "no-store"},
    )


def _document(
    *,
    code: str,
    status: int,
    title: str,
    detail: str,
    hint: str | None,
    fields: Mapping[str, Any],
) -> dict[str, Any]:
    return {
        "type": f"urn:commandcenter:problem:{code}",
        "code": code,
        "title": title,
        "status": status,
        "detail": detail,
        "hint": hint,
        "fields": dict(fields),
    }
