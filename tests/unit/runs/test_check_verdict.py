from datetime import UTC, datetime

import pytest

from commandcenter.approvals.check import CheckOutcome
from commandcenter.runs.check_verdict import MAX_CHECK_FAILURES, check_again_after, report_of
from commandcenter.runs.judge import MAX_LOST_ATTEMPTS, Verdict
from commandcenter.runs.recorder import AttemptEnd
from commandcenter.runs.states import AttemptState, StepFailure
from commandcenter.runtimes.results import AttemptResult, FailureReason

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def verdict(state: AttemptState, reason: str | None, exit_code: int | None) -> Verdict:
    failure = FailureReason(reason) if reason in {one.value for one in FailureReason} else None
    result = AttemptResult(exit_code, failure, "words", NOW, NOW)
    return Verdict(AttemptEnd(state, reason, "words", result), None)


@pytest.mark.parametrize(
    ("reason", "exit_code", "outcome"),
    [
        (FailureReason.EXIT_CODE.value, 1, CheckOutcome.IMPOSSIBLE),
        (FailureReason.EXIT_CODE.value, 75, CheckOutcome.UNKNOWN),
        (FailureReason.TIMEOUT.value, None, CheckOutcome.UNKNOWN),
        (FailureReason.OUT_OF_MEMORY.value, None, CheckOutcome.UNKNOWN),
        (FailureReason.DISK_FULL.value, None, CheckOutcome.UNKNOWN),
        (FailureReason.LOST.value, None, CheckOutcome.UNKNOWN),
        (FailureReason.SYSTEM_ERROR.value, None, CheckOutcome.UNKNOWN),
        (StepFailure.INVALID_OUTPUT.value, 0, CheckOutcome.IMPOSSIBLE),
        ("a reason of days to come", None, CheckOutcome.UNKNOWN),
        (StepFailure.REFUSED.value, None, CheckOutcome.IMPOSSIBLE),
    ],
)
def test_only_what_may_pass_leaves_it_open(
    reason: str, exit_code: int | None, outcome: CheckOutcome
) -> None:
    report = report_of(verdict(AttemptState.FAILED, reason, exit_code))
    assert (report.outcome, report.message) == (outcome, "words")


def test_success_says_that_it_can_be_done() -> None:
    assert report_of(verdict(AttemptState.SUCCEEDED, None, 0)).outcome is CheckOutcome.POSSIBLE


def test_a_check_is_tried_again_a_few_times() -> None:
    failed = FailureReason.TIMEOUT.value
    delays = [check_again_after(failed, failures=n, lost=0) for n in range(1, 5)]
    assert delays == [0.5, 1.0, None, None]
    assert MAX_CHECK_FAILURES == 3
    lost = FailureReason.LOST.value
    assert check_again_after(lost, failures=0, lost=MAX_LOST_ATTEMPTS) == 0.0
    assert check_again_after(lost, failures=0, lost=MAX_LOST_ATTEMPTS + 1) is None
