from typing import ClassVar

from commandcenter.kit.errors import (
    ConflictError,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    ProblemError,
)


class UnauthenticatedError(ProblemError):
    code = "unauthenticated"
    status = 401
    title = "Sign in first"


class TooManyRequestsError(ProblemError):
    code = "too_many_requests"
    status = 429
    title = "Too many requests"
    retry_after_seconds: ClassVar[int] = 1

    def __init__(self, detail: str, *, retry_after_seconds: int) -> None:
        super().__init__(
            detail,
            hint=f"Try again in {retry_after_seconds} s.",
            fields={"retry_after_seconds": retry_after_seconds},
        )


class PermissionMissingError(ForbiddenError):
    code = "permission_missing"


class CrossSiteError(ForbiddenError):
    code = "cross_site"
    title = "Another site may not do this"


class LoginLinkError(ProblemError):
    code = "login_link_spent"
    status = 400
    title = "This sign-in link does not work any more"


class PrincipalNotFoundError(NotFoundError):
    code = "principal_not_found"


class PrincipalExistsError(ConflictError):
    code = "principal_exists"


class LastAdminError(ConflictError):
    code = "last_admin"
    title = "Somebody has to stay admin"


class TokenNotFoundError(NotFoundError):
    code = "token_not_found"


class TokenInvalidError(InvalidInputError):
    code = "token_invalid"
