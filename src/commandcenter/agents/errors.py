"""What can be wrong with an agent, its stored content, or what goes in and out of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from commandcenter.kit.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    ProblemError,
    UnavailableError,
)


class AgentNotFoundError(NotFoundError):
    code = "agent_not_found"
    title = "No such agent"


class AgentRetiredError(ConflictError):
    code = "agent_retired"
    title = "The agent is retired"


class AgentTamperedError(ProblemError):
    """The stored copy is not what was registered; it must not be run."""

    code = "agent_tampered"
    status = 500
    title = "The stored agent was changed"


class AgentFolderChangedError(ConflictError):
    code = "agent_folder_changed"
    title = "The agent's folder changed while it was read"


class EnvironmentFailedError(UnavailableError):
    code = "environment_failed"
    title = "The agent's environment could not be built"


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One place where a value does not fit its schema; never holds the value itself."""

    path: str  # such as violations[3].line, "" for the whole
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class _MismatchError(InvalidInputError):
    def __init__(self, subject: str, mismatches: Sequence[Mismatch]) -> None:
        self.mismatches = tuple(mismatches)
        super().__init__(
            f"{subject}: " + "; ".join(str(mismatch) for mismatch in mismatches),
            fields={
                "mismatches": [
                    {"path": mismatch.path, "message": mismatch.message} for mismatch in mismatches
                ]
            },
        )


class AgentInputsError(_MismatchError):
    code = "agent_inputs_invalid"
    title = "The inputs do not fit the agent"


class AgentOutputsError(_MismatchError):
    code = "agent_outputs_invalid"
    title = "The outputs do not fit what the agent promises"
