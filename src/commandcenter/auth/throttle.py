"""Limits on how often something may happen, per key, in memory and bounded."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable

_MAX_KEYS = 10_000


class Throttle:
    """Allow `per_minute` hits for each key, at most `burst` of them at once.

    The generic cell rate algorithm: one number per key, no timers and no threads. The least
    recently used keys are forgotten beyond 10,000.
    """

    def __init__(
        self,
        per_minute: int,
        *,
        burst: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._interval = 60.0 / per_minute
        self._tolerance = self._interval * (burst if burst is not None else per_minute)
        self._clock = clock
        self._due: OrderedDict[str, float] = OrderedDict()

    def hit(self, key: str) -> int | None:
        """Count one; return None when allowed, else the whole seconds to wait."""
        now = self._clock()
        due = max(self._due.get(key, now), now) + self._interval
        excess = due - now - self._tolerance
        if excess > 1e-9:  # noqa: PLR2004  # rounding of floats
            return max(1, math.ceil(excess))
        self._due[key] = due
        self._due.move_to_end(key)
        if len(self._due) > _MAX_KEYS:
            self._due.popitem(last=False)
        return None
