"""The one error type that reaches users: what happened, to what, why, what to do next."""

import re
from collections.abc import Mapping
from typing import Any, ClassVar

# Only words that are no names: those of people, agents and fields stay as they are.
_BEGINNING = re.compile(r"(a|an|the|there|another|more|not|agent|attempt|run|step|workflow) ")


class ProblemError(Exception):
    """An error with a stable code, an HTTP status and words for the user (RFC 9457).

    Subclass it per case and set `code` and `status`; `detail` says what happened and why,
    `hint` names the next command or step. `fields` are extra members of the problem document:
    JSON values only, never a secret.
    """

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Something went wrong"

    def __init__(
        self, detail: str, *, hint: str | None = None, fields: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(detail)
        self.hint = hint
        self.fields: dict[str, Any] = dict(fields or {})
        service = self.fields.get("service")  # its name stays as it is, also where it is "a"
        begins_with_name = service and detail.startswith(f"{service} ")
        self.detail = detail if begins_with_name else _sentence(detail)


def _sentence(text: str) -> str:
    """Begin with a capital letter, as people read it on a line of its own."""
    return text[0].upper() + text[1:] if _BEGINNING.match(text) else text


class NotFoundError(ProblemError):
    code = "not_found"
    status = 404
    title = "Not found"


class InvalidInputError(ProblemError):
    code = "invalid_input"
    status = 422
    title = "The input is not valid"


class ConflictError(ProblemError):
    code = "conflict"
    status = 409
    title = "In conflict with the present state"


class ForbiddenError(ProblemError):
    code = "forbidden"
    status = 403
    title = "Not allowed"


class UnavailableError(ProblemError):
    code = "unavailable"
    status = 503
    title = "Not available here"
