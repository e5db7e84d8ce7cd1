"""Running one function over many files in a few processes, each file under a time limit.

A parser in C can neither be interrupted from Python nor be trusted with hostile input. So each
worker arms the kernel's alarm before a file: when the time is over, or the parser crashes, the
worker dies, that file is reported, and a new worker takes the rest.
"""

import multiprocessing
import os
import resource
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from typing import Generic, TypeVar

from commandcenter_analysis.skips import SkipReason

Item = TypeVar("Item")
Result = TypeVar("Result")

_WORKER_ADDRESS_SPACE = 3 * 1024**3


@dataclass(frozen=True, slots=True)
class Failed:
    """A file whose analysis did not end: it took too long, crashed, or came too late."""

    reason: SkipReason
    detail: str = ""


@dataclass(slots=True)
class _Worker(Generic[Item]):
    process: ForkProcess
    connection: Connection
    item: Item | None = None


def worker_count() -> int:
    """Two at most: what a sandboxed agent is usually given."""
    return max(1, min(2, len(os.sched_getaffinity(0))))


def each(
    items: Iterable[Item],
    function: Callable[[Item], Result],
    *,
    seconds_per_item: float,
    seconds: float,
    workers: int | None = None,
) -> Iterator[tuple[Item, Result | Failed]]:
    """Yield every item with its result, or with why there is none, as they come.

    `function` is inherited by fork, so it may be a closure; its results travel pickled.
    After `seconds` the remaining items are yielded as failed. The workers end with the iterator.
    """
    pending = deque(items)
    deadline = time.monotonic() + seconds
    running: list[_Worker[Item]] = []
    try:
        while pending or running:
            while pending and len(running) < (workers or worker_count()):
                running.append(_start(function, seconds_per_item))
                _give(running[-1], pending)
            ready = wait(
                [worker.connection for worker in running], max(0.0, deadline - time.monotonic())
            )
            for worker in [worker for worker in running if worker.connection in ready]:
                item = worker.item
                if item is None:
                    raise RuntimeError("a worker answered without having been asked")
                try:
                    result: Result | Failed = worker.connection.recv()
                except (EOFError, OSError):
                    running.remove(worker)
                    yield item, _why(worker)
                    continue
                yield item, result
                _give(worker, pending)
                if worker.item is None:
                    running.remove(worker)
                    _stop(worker)
            if time.monotonic() >= deadline:
                late = [worker.item for worker in running if worker.item is not None]
                for unfinished in [*late, *pending]:
                    yield unfinished, Failed(SkipReason.LIMIT, "the scan's time was over")
                return
    finally:
        for worker in running:
            _stop(worker)


def _give(worker: _Worker[Item], pending: "deque[Item]") -> None:
    worker.item = pending.popleft() if pending else None
    # A worker that died meanwhile is noticed when its answer is waited for.
    with suppress(OSError):
        worker.connection.send(worker.item)


def _stop(worker: "_Worker[Item]") -> None:
    worker.process.kill()
    worker.process.join()
    worker.connection.close()


def _why(worker: "_Worker[Item]") -> Failed:
    worker.process.join(5)
    code = worker.process.exitcode
    worker.connection.close()
    if code == -signal.SIGALRM:
        return Failed(SkipReason.TIMEOUT)
    return Failed(SkipReason.CRASHED, f"the analysis ended with code {code}")


def _start(function: Callable[[Item], Result], seconds_per_item: float) -> "_Worker[Item]":
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(
        target=_work, args=(ours, theirs, function, seconds_per_item), daemon=True
    )
    process.start()
    theirs.close()
    return _Worker(process, ours)


def _work(
    parents: Connection,
    connection: Connection,
    function: Callable[[Item], Result],
    seconds_per_item: float,
) -> None:
    parents.close()
    # The default action of the alarm ends the process whatever C code it is in.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (_WORKER_ADDRESS_SPACE, _WORKER_ADDRESS_SPACE))
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while True:
        try:
            item: Item | None = connection.recv()
        except (EOFError, OSError):
            return
        if item is None:
            return
        signal.setitimer(signal.ITIMER_REAL, seconds_per_item)
        result: Result | Failed
        try:
            result = function(item)
        except (Exception, RecursionError) as error:  # noqa: BLE001  # any parser's failure is this file's
            result = Failed(SkipReason.CRASHED, type(error).__name__)
        signal.setitimer(signal.ITIMER_REAL, 0)
        try:
            connection.send(result)
        except OSError:
            return
