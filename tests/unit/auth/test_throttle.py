from hypothesis import given
from hypothesis import strategies as st

from commandcenter.auth.throttle import Throttle


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_allows_a_burst_and_then_the_rate() -> None:
    clock = Clock()
    throttle = Throttle(60, burst=3, clock=clock)

    assert [throttle.hit("a") for _ in range(4)] == [None, None, None, 1]
    clock.now = 1.0
    assert [throttle.hit("a") for _ in range(2)] == [None, 1]


def test_keys_do_not_share() -> None:
    throttle = Throttle(1, burst=1, clock=Clock())

    assert throttle.hit("a") is None
    assert throttle.hit("b") is None
    assert throttle.hit("a") == 60


def test_refused_hits_do_not_prolong_the_wait() -> None:
    clock = Clock()
    throttle = Throttle(60, burst=1, clock=clock)
    throttle.hit("a")
    for _ in range(100):
        throttle.hit("a")
    clock.now = 1.0

    assert throttle.hit("a") is None


def test_memory_is_bounded() -> None:
    throttle = Throttle(60, clock=Clock())
    for number in range(10_100):
        throttle.hit(str(number))

    assert len(throttle._due) == 10_000


@given(st.lists(st.floats(0, 5), max_size=200))
def test_never_allows_more_than_burst_and_rate(pauses: list[float]) -> None:
    clock = Clock()
    throttle = Throttle(30, burst=5, clock=clock)
    allowed = 0
    for pause in pauses:
        clock.now += pause
        allowed += throttle.hit("a") is None

    assert allowed <= 5 + clock.now * 0.5 + 1
