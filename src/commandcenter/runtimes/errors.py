"""What runtimes refuse, and what befalls them."""

from commandcenter.kit.errors import ConflictError, ProblemError, UnavailableError


class RuntimeRefusedError(UnavailableError):
    code = "runtime_refused"
    title = "This runtime cannot do what was asked"


class RuntimeAwayError(UnavailableError):
    """The runner or engine does not answer now; the same call may succeed once it does again."""

    code = "runtime_away"
    title = "The runtime does not answer"


class ImageUnavailableError(UnavailableError):
    """An image is not there and cannot be had, or cannot be built.

    `is_passing`: the same call may succeed later (a registry that is away, not a name that is
    wrong).
    """

    code = "image_unavailable"
    title = "The image cannot be had"

    def __init__(self, detail: str, *, is_passing: bool, hint: str | None = None) -> None:
        super().__init__(detail, hint=hint)
        self.is_passing = is_passing


class PortTakenError(ConflictError):
    """A port of the host cannot be opened; `fields` has `host` and `port`. Nothing was started."""

    code = "port_taken"
    title = "A port is taken"


class ServiceConflictError(ConflictError):
    """A service of that name runs in the network, or the network to be removed has services."""

    code = "service_conflict"
    title = "It is still in use"


class NotRunningError(ConflictError):
    """There is no running service under this handle."""

    code = "not_running"
    title = "The service does not run"


class VolumeCopyError(ProblemError):
    """The file system does not let a volume be copied or removed."""

    code = "volume_copy_failed"
    title = "A volume cannot be copied"
