"""The states of a step and which may follow which: the only table of its kind."""

from enum import StrEnum
from types import MappingProxyType
from typing import Final


class StepState(StrEnum):
    PENDING = "pending"  # its needs are not done, or nobody looked yet
    QUEUED = "queued"  # ready; waits for a place to run
    RUNNING = "running"  # an attempt is under way
    WAITING = "waiting"  # for an approval, or for the next attempt
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        return not TRANSITIONS[self]


class RunResult(StrEnum):
    """How a run ended; the words are those of its steps."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


_S = StepState

TRANSITIONS: Final = MappingProxyType(
    {
        _S.PENDING: frozenset({_S.QUEUED, _S.WAITING, _S.SKIPPED, _S.FAILED, _S.CANCELLED}),
        _S.WAITING: frozenset({_S.QUEUED, _S.FAILED, _S.CANCELLED}),
        _S.QUEUED: frozenset({_S.RUNNING, _S.WAITING, _S.FAILED, _S.CANCELLED}),
        _S.RUNNING: frozenset({_S.SUCCEEDED, _S.FAILED, _S.CANCELLED, _S.WAITING, _S.QUEUED}),
        _S.SUCCEEDED: frozenset(),
        _S.FAILED: frozenset(),
        _S.SKIPPED: frozenset(),
        _S.CANCELLED: frozenset(),
    }
)


class IllegalTransitionError(ValueError):
    """A step was about to go from one state to another that cannot follow it: our mistake."""

    def __init__(self, node: str, before: StepState, after: StepState) -> None:
        super().__init__(f"the step {node} cannot go from {before} to {after}")
        self.node = node
        self.before = before
        self.after = after


def check_transition(node: str, before: StepState, after: StepState) -> None:
    """Raise IllegalTransitionError unless `after` may follow `before`."""
    if after not in TRANSITIONS[before]:
        raise IllegalTransitionError(node, before, after)
