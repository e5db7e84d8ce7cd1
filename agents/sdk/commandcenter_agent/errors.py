"""How an agent says that it did not succeed."""

TYPE_CHECKING = False  # importing `typing` for it would double the cost of importing this package
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


class AgentError(Exception):
    """The work failed for a reason the user can act on: one line on stderr, exit code 1.

    `output` is written to /out/output.json all the same, for results such as a list of conflicts.
    """

    exit_code = 1

    def __init__(self, message: str, *, output: "Mapping[str, Any] | None" = None) -> None:
        super().__init__(message)
        self.output = output


class TemporaryFailure(AgentError):  # noqa: N818 - the contract's own word for exit code 75
    """A passing failure, such as a service that is busy: exit code 75, may be tried again."""

    exit_code = 75
