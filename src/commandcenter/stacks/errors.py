"""What can be wrong with starting, stopping or asking a stack."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from commandcenter.kit.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    ProblemError,
)


class ServiceUnsupportedError(InvalidInputError):
    """This runtime cannot run the service as it is defined."""

    code = "stack_service_unsupported"
    title = "The runtime cannot run this service"


class ServiceNotPreparedError(ConflictError):
    """What the project's program needs is not installed in its folder."""

    code = "stack_service_not_prepared"
    title = "The project's packages are not installed"


class StackCannotStartError(ConflictError):
    """Found before anything was started; `fields` has all `problems` by service."""

    code = "stack_cannot_start"
    title = "The stack cannot start"

    def __init__(self, problems: Mapping[str, ProblemError]) -> None:
        details = [error.detail for error in problems.values()]
        hints = dict.fromkeys(error.hint for error in problems.values() if error.hint)
        super().__init__(
            " ".join(details),
            hint=" ".join(hints) or None,
            fields={
                "problems": [
                    {
                        "service": name,
                        "code": error.code,
                        "detail": error.detail,
                        "hint": error.hint,
                    }
                    for name, error in problems.items()
                ]
            },
        )


class UnknownServiceError(InvalidInputError):
    """`fields` has the names there are as `services`."""

    code = "unknown_service"
    status: ClassVar[int] = 400
    title = "The project has no such service"

    def __init__(self, name: str, known: Sequence[str]) -> None:
        services = ", ".join(known)
        super().__init__(
            f"the stack has no service {name[:100]!r}",
            hint=f"Its services: {services}." if services else "Start the project first.",
            fields={"services": list(known)},
        )


class PortConflictError(ConflictError):
    """`fields` has `conflicts`: service, port and by whom it is taken."""

    code = "port_conflict"
    title = "Ports are taken"


class NoPortLeftError(ConflictError):
    code = "no_port_left"
    title = "No port is left"


class StackNotRunningError(ConflictError):
    code = "stack_not_running"
    title = "The stack does not run"


class StackBusyError(ConflictError):
    code = "stack_busy"
    title = "The stack is not stopped"


class StackElsewhereError(ConflictError):
    code = "stack_elsewhere"
    title = "The stack runs under another hub"


class NothingToForkError(ConflictError):
    code = "nothing_to_fork"
    title = "The stack has never been started"


class NotAForkError(ConflictError):
    code = "not_a_fork"
    title = "The project is no fork"


class ForkNotFoundError(NotFoundError):
    code = "fork_not_found"
    title = "No such fork"


class ForkGivenUpError(ConflictError):
    code = "fork_given_up"
    title = "The fork could not be made"


class StackLogNotFoundError(NotFoundError):
    code = "log_not_found"
    title = "No such log"
