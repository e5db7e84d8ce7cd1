"""What an ended check says about the step it was made for."""

from commandcenter.approvals.check import CheckOutcome, CheckReport
from commandcenter.runs.judge import MAX_LOST_ATTEMPTS, Verdict
from commandcenter.runs.states import AttemptState, StepFailure
from commandcenter.runtimes.results import FailureReason

MAX_CHECK_FAILURES = 3
PASSING_EXIT_CODE = 75  # the agent contract's "may be tried again"

_FIRST_DELAY_SECONDS = 0.5
# The agent's own answer, or what would befall the step just so. Anything else says nothing.
_SETTLES = frozenset(
    {
        FailureReason.EXIT_CODE.value,
        StepFailure.INVALID_OUTPUT.value,
        StepFailure.REFUSED.value,
    }
)


def report_of(verdict: Verdict) -> CheckReport:
    """Success says that it can be done, and a failure that is the agent's own that it cannot.

    A failure that may pass says nothing about the step: the outcome is `unknown`.
    """
    end = verdict.end
    if end.state is AttemptState.SUCCEEDED:
        return CheckReport.of(CheckOutcome.POSSIBLE, "it can be done", verdict.outputs)
    settles = end.reason in _SETTLES and _exit_code(verdict) != PASSING_EXIT_CODE
    outcome = CheckOutcome.IMPOSSIBLE if settles else CheckOutcome.UNKNOWN
    return CheckReport.of(outcome, end.message or str(end.reason), verdict.outputs)


def check_again_after(reason: str | None, *, failures: int, lost: int) -> float | None:
    """Return the seconds until an unknown outcome is tried again, None when it stands.

    `failures` and `lost` count this one.
    """
    if reason == FailureReason.LOST.value:
        return 0.0 if lost <= MAX_LOST_ATTEMPTS else None
    if failures >= MAX_CHECK_FAILURES:
        return None
    return _FIRST_DELAY_SECONDS * 2.0 ** (failures - 1)


def _exit_code(verdict: Verdict) -> int | None:
    return verdict.end.result.exit_code if verdict.end.result is not None else None
