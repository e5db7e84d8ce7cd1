"""Errors as the command line knows them: all of them end a command with words and a code."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from commandcenter.cli.exit_codes import ExitCode, for_status
from commandcenter.kit.errors import ProblemError

# What the hub calls a service that a stack does not have. It answers 400, and not 404, which would
# be said of the project.
UNKNOWN_SERVICE = "unknown_service"


class CliError(ProblemError):
    """Something the command line itself found; `exit_code` says what it comes to."""

    exit_code: ClassVar[ExitCode] = ExitCode.FAILED
    code = "cli_error"


class UsageProblemError(CliError):
    exit_code = ExitCode.USAGE
    code = "usage"
    status = 400
    title = "This cannot be done like that"


class HubUnreachableError(CliError):
    exit_code = ExitCode.UNREACHABLE
    code = "hub_unreachable"
    status = 503
    title = "The hub cannot be reached"


class HubBrokeOffError(HubUnreachableError):
    """The connection broke after the request was sent: the hub may have done it."""

    code = "hub_broke_off"
    title = "The hub broke off"


class HubSilentError(HubUnreachableError):
    """The hub took the request, and may still do it."""

    code = "hub_silent"
    title = "The hub does not answer"

    def __init__(self, url: str, seconds: float) -> None:
        super().__init__(
            f"The hub at {url} has not answered for {seconds:g} s.",
            hint="Look at it with commandcenter doctor, and at the hub's log. "
            "A hub that hangs may be ended and started again: what runs goes on.",
        )


class NotSignedInError(CliError):
    exit_code = ExitCode.NOT_ALLOWED
    code = "not_signed_in"
    status = 401
    title = "There is no token to sign in with"


class NothingFoundError(CliError):
    exit_code = ExitCode.NOT_FOUND
    code = "not_found"
    status = 404
    title = "Not found"


class NoSuchServiceError(NothingFoundError):
    code = UNKNOWN_SERVICE
    title = "The project has no such service"

    def __init__(self, service: str, found: Mapping[str, Any]) -> None:
        """`found` is the stack's status."""
        names = ", ".join(each["name"] for each in found["services"])
        super().__init__(
            f"The stack has no service {service[:100]!r}.",
            hint=f"Its services: {names}." if names else "Start the project first.",
        )


class AmbiguousLatestError(CliError):
    exit_code = ExitCode.CONFLICT
    code = "ambiguous_latest"
    status = 409
    title = "More than one waits for a decision"


# What the hub says of an address or a body that it does not know at all.
_OTHER_VERSION = frozenset({"not_found", "method_not_allowed", "invalid_input"})


class HubProblemError(Exception):
    """A problem document the hub answered with."""

    def __init__(self, document: Mapping[str, Any], *, status: int) -> None:
        super().__init__(str(document.get("detail", "")))
        self.status = status
        self.document = dict(document)
        self.version_note: str | None = None

    @property
    def code(self) -> str:
        return str(self.document.get("code", ""))

    def rewrite_hint(self, rewrite: Callable[[str], str]) -> None:
        """Have the hint say what to type here."""
        hint = self.document.get("hint")
        if isinstance(hint, str):
            self.document["hint"] = rewrite(hint)

    @property
    def hints_at_versions(self) -> bool:
        """Whether this is what an API of another version would answer."""
        return self.code in _OTHER_VERSION

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.NOT_FOUND if self.code == UNKNOWN_SERVICE else for_status(self.status)


def describe(error: ProblemError | HubProblemError) -> tuple[dict[str, Any], ExitCode]:
    """Return the problem document and the exit code of any error with words for the user."""
    if isinstance(error, HubProblemError):
        return error.document, error.exit_code
    document = {
        "code": error.code,
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "hint": error.hint,
        "fields": error.fields,
    }
    if isinstance(error, CliError):
        return document, error.exit_code
    return document, for_status(error.status)
