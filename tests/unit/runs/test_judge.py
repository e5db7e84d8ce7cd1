from hypothesis import given
from hypothesis import strategies as st

from commandcenter.runs.judge import MAX_LOST_ATTEMPTS, lost_delay


@given(st.integers(1, 1000))
def test_the_wait_after_lost_attempts_grows_and_is_capped(lost: int) -> None:
    assert 0.0 <= lost_delay(lost) <= lost_delay(lost + 1) <= 10.0


def test_the_first_lost_attempt_is_run_again_at_once() -> None:
    assert lost_delay(1) == 0.0
    assert sum(lost_delay(lost) for lost in range(1, MAX_LOST_ATTEMPTS + 1)) > 20.0
