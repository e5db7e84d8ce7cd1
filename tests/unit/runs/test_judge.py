from hypothesis import given
from hypothesis import strategies as st

from commandcenter.engine.definition import RetryPolicy
from commandcenter.kit.clock import utc_now
from commandcenter.runs.judge import (
    MAX_LOST_ATTEMPTS,
    MAX_PLATFORM_RETRIES,
    lost_delay,
    may_retry,
)
from commandcenter.runs.recorder import AttemptEnd
from commandcenter.runs.states import AttemptState
from commandcenter.runtimes.results import AttemptResult, FailureReason


@given(st.integers(1, 1000))
def test_the_wait_after_lost_attempts_grows_and_is_capped(lost: int) -> None:
    assert 0.0 <= lost_delay(lost) <= lost_delay(lost + 1) <= 10.0


def test_the_first_lost_attempt_is_run_again_at_once() -> None:
    assert lost_delay(1) == 0.0
    assert sum(lost_delay(lost) for lost in range(1, MAX_LOST_ATTEMPTS + 1)) > 20.0


def broken_off(*, ran: bool) -> AttemptEnd:
    """Return the end of an attempt by the platform's fault, while it ran or before."""
    reason, now = FailureReason.SYSTEM_ERROR, utc_now()
    result = AttemptResult(None, reason, "disk full", now, now) if ran else None
    return AttemptEnd(AttemptState.FAILED, reason.value, "disk full", result)


def test_what_the_platform_broke_is_repeated_where_repeating_is_safe() -> None:
    def repeated(*, ran: bool, failures: int, safe: bool, most: int = 0) -> bool:
        policy = RetryPolicy(max=most)
        end = broken_off(ran=ran)
        return may_retry(end, policy, failures=failures, lost=0, retry_lost=safe)

    assert repeated(ran=True, failures=MAX_PLATFORM_RETRIES, safe=True)
    assert not repeated(ran=True, failures=MAX_PLATFORM_RETRIES + 1, safe=True)
    assert not repeated(ran=True, failures=1, safe=False)
    assert not repeated(ran=False, failures=1, safe=True)
    assert repeated(ran=False, failures=1, safe=False, most=1)
