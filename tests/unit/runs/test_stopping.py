import asyncio

import pytest

from commandcenter.runs.stopping import StopReason, StopRequestedError, StopSignal


async def forever() -> None:
    await asyncio.Event().wait()


async def test_the_result_wins_when_it_is_there_first() -> None:
    async def quick() -> int:
        return 7

    assert await StopSignal().race(quick()) == 7


async def test_the_signal_wins_and_the_work_is_cancelled() -> None:
    signal = StopSignal()
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await forever()
        finally:
            ended.set()

    racing = asyncio.create_task(signal.race(work()))
    await asyncio.sleep(0)
    signal.set(StopReason.CANCELLED)

    with pytest.raises(StopRequestedError):
        await racing
    assert ended.is_set()


async def test_a_signal_that_was_set_before_lets_nothing_begin() -> None:
    signal = StopSignal()
    signal.set(StopReason.DEADLINE)
    begun = False

    async def work() -> None:
        nonlocal begun
        begun = True

    with pytest.raises(StopRequestedError):
        await signal.race(work())
    assert not begun


async def test_the_first_reason_stands() -> None:
    signal = StopSignal()
    signal.set(StopReason.DRAIN, patience_seconds=60)
    signal.set(StopReason.CANCELLED)

    assert signal.reason is StopReason.DRAIN
    assert 59 < signal.patience_seconds <= 60


async def test_the_time_limit_ends_the_wait() -> None:
    with pytest.raises(TimeoutError):
        await StopSignal().race(forever(), timeout_seconds=0.01)
