"""What goes wrong between the hub and the runner, in words for the user."""

from commandcenter.kit.errors import ConflictError, InvalidInputError, UnavailableError


class RunnerUnavailableError(UnavailableError):
    code = "runner_unavailable"
    title = "The runner cannot be reached"


class RunnerVersionError(UnavailableError):
    code = "runner_version"
    title = "Another version of the runner is at work"


class IsolationError(UnavailableError):
    """A sandbox, limit or mount cannot be set up here; the request is refused, never weakened."""

    code = "isolation_unavailable"
    title = "The sandbox cannot be set up"


class BadRequestError(InvalidInputError):
    code = "invalid_attempt"
    title = "The attempt's description is not valid"


class PortTakenError(ConflictError):
    """A port of the host cannot be opened for a service; `fields` has `host` and `port`."""

    code = "port_taken"
    title = "A port is taken"


class NotRunningError(ConflictError):
    code = "not_running"
    title = "The service does not run"


class ServiceConflictError(ConflictError):
    code = "service_conflict"
    title = "It is still in use"
