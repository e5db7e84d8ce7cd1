"""What can be wrong with starting, stopping or asking a stack."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from commandcenter.kit.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    ProblemError,
)
from commandcenter.runtimes.capabilities import Feature


class ServiceUnsupportedError(InvalidInputError):
    """This runtime cannot run the service as it is defined.

    `needs`: a runtime with these features could.
    """

    code = "stack_service_unsupported"
    title = "The runtime cannot run this service"

    def __init__(
        self,
        detail: str,
        *,
        hint: str | None = None,
        fields: Mapping[str, Any] | None = None,
        needs: frozenset[Feature] = frozenset(),
    ) -> None:
        super().__init__(detail, hint=hint, fields=fields)
        self.needs = needs


class ServiceNotPreparedError(ConflictError):
    """What the service needs is not in the project's folder."""

    code = "stack_service_not_prepared"
    title = "The project's folder lacks what the service needs"


class StackCannotStartError(ConflictError):
    """Found before anything was started; `fields` has all `problems` by service."""

    code = "stack_cannot_start"
    title = "The stack cannot start"

    def __init__(self, problems: Mapping[str, ProblemError], *, hint: str | None = None) -> None:
        self.problems = problems
        details = [error.detail for error in problems.values()]
        hints = dict.fromkeys(error.hint for error in problems.values() if error.hint)
        super().__init__(
            " ".join(details),
            hint=" ".join((*hints, *([hint] if hint else ()))) or None,
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
        self.detail = " ".join(details)  # sentences already


class LimitsNotEnforcedError(ConflictError):
    """Found before anything was started; `fields` has the `limits` by name."""

    code = "limits_not_enforced"
    title = "Limits cannot be enforced on this machine"


class LimitNotAppliedError(ConflictError):
    """A service was started and stopped again; `fields` has `service` and `limits`."""

    code = "limit_not_applied"
    title = "A limit is not in force"


class VolumeGoneError(ConflictError):
    """`fields` has `service` and `volume`."""

    code = "volume_gone"
    title = "A volume is gone"


class UnknownServiceError(InvalidInputError):
    """`fields` has the names there are as `services`."""

    code = "unknown_service"
    status: ClassVar[int] = 400
    title = "The project has no such service"

    def __init__(self, name: str, known: Sequence[str]) -> None:
        services = ", ".join(known)
        super().__init__(
            f"The stack has no service {name[:100]!r}.",
            hint=f"Its services: {services}." if services else "Start the project first.",
            fields={"services": list(known)},
        )


class UnknownPortError(ProblemError):
    """`fields` has `ports`: those of its own that lead to this machine."""

    code = "unknown_port"
    status: ClassVar[int] = 400
    title = "The service has no such port"

    def __init__(self, service: str, port: int, known: Sequence[int]) -> None:
        super().__init__(
            f"{service} has no port {port} that leads to this machine.",
            hint=f"Of its own these do: {', '.join(str(each) for each in known)}.",
            fields={"service": service, "ports": list(known)},
        )


@dataclass(frozen=True, slots=True)
class Conflict:
    """A port of the host that a service wants for one of its own, and by whom it is taken."""

    service: str
    service_port: int
    port: int
    taken_by: str


class PortConflictError(ConflictError):
    """`fields` has `conflicts`: service, its own port, the host's and by whom that is taken."""

    code = "port_conflict"
    title = "Ports are taken"

    def __init__(self, project: str, conflicts: Sequence[Conflict], free: int | None) -> None:
        """`free` is a port that could be chosen instead of the first, for the hint."""
        told = "; ".join(
            f"port {each.port} of {each.service} is taken by {each.taken_by}" for each in conflicts
        )
        first = conflicts[0]
        choice = "PORT" if free is None else free
        super().__init__(
            told[0].upper() + told[1:] + ".",
            hint="Stop what listens there, or choose another port, such as: commandcenter project "
            f"set {project} --port {first.service}:{first.service_port}={choice}",
            fields={"conflicts": [asdict(each) for each in conflicts]},
        )


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


class ForkKeepsDataError(ConflictError):
    code = "fork_keeps_data"
    title = "A fork goes with its data"


class ForkNotFoundError(NotFoundError):
    code = "fork_not_found"
    title = "No such fork"


class ForkGivenUpError(ConflictError):
    code = "fork_given_up"
    title = "The fork could not be made"


class StackLogNotFoundError(NotFoundError):
    code = "log_not_found"
    title = "No such log"
