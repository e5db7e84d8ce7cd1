"""The states of runs and attempts; steps have theirs in `engine.scheduling`."""

from enum import StrEnum


class RunState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        return self in FINAL_RUN_STATES


FINAL_RUN_STATES = frozenset({RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED})
UNFINISHED_RUN_STATES = frozenset({RunState.QUEUED, RunState.RUNNING})


class RunFailure(StrEnum):
    """Why a run failed."""

    STEP_FAILED = "step_failed"
    TIMEOUT = "timeout"  # its own deadline
    SYSTEM_ERROR = "system_error"
    RESTART_LIMIT = "restart_limit"  # restarted again and again without getting any further


class AttemptState(StrEnum):
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class AttemptFailure(StrEnum):
    """Why an attempt came to nothing by the hub's doing; neither uses up the node's retries."""

    NOT_STARTED = "not_started"  # there was no room on the disk to start it
    INTERRUPTED = "interrupted"  # the hub was stopped, and the attempt with it


class StepFailure(StrEnum):
    """Why a step failed, beyond the reasons of its attempts (`runtimes.base.FailureReason`)."""

    CONDITION = "condition"
    INVALID_INPUT = "invalid_input"
    INVALID_OUTPUT = "invalid_output"
    REJECTED = "rejected"
    APPROVAL_EXPIRED = "approval_expired"
    RUN_DEADLINE = "run_deadline"
    CHECK_FAILED = "check_failed"  # it was found beforehand that it cannot be done
    REFUSED = "refused"
