"""What runs came to over some hours: counts, shares, percentiles. Pure."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Ended:
    """A run or an attempt; `ended_at` is None while it has not ended."""

    name: str  # of its workflow, or its agent
    state: str
    began_at: datetime
    ended_at: datetime | None
    cpu_seconds: float = 0.0

    @property
    def seconds(self) -> float | None:
        if self.ended_at is None:
            return None
        return max(0.0, (self.ended_at - self.began_at).total_seconds())


@dataclass(frozen=True, slots=True)
class Hour:
    at: datetime  # its beginning
    succeeded: int
    failed: int
    cancelled: int
    unfinished: int


@dataclass(frozen=True, slots=True)
class Group:
    """All of one name, or of all names. None: nothing of it has ended yet."""

    name: str
    count: int
    succeeded: int
    failed: int
    cancelled: int
    success_share: float | None  # of those that succeeded or failed, 0 to 1
    p50_seconds: float | None  # of those that succeeded or failed
    p95_seconds: float | None
    cpu_seconds: float


def by_hour(found: Iterable[Ended], *, until: datetime, hours: int) -> list[Hour]:
    """Return every whole hour of the span, the oldest first, also those in which nothing began.

    The last one is the present hour.
    """
    last = until.replace(minute=0, second=0, microsecond=0)
    counts: defaultdict[datetime, Counter[str]] = defaultdict(Counter)
    for each in found:
        at = each.began_at.replace(minute=0, second=0, microsecond=0)
        counts[at][each.state if each.ended_at is not None else "unfinished"] += 1
    made = []
    for back in reversed(range(hours)):
        at = last - back * HOUR
        of = counts[at]
        made.append(
            Hour(at, of["succeeded"], of["failed"], of["cancelled"], of["unfinished"]),
        )
    return made


def group(name: str, found: Sequence[Ended]) -> Group:
    states = Counter(each.state for each in found if each.ended_at is not None)
    decided = states["succeeded"] + states["failed"]
    seconds = sorted(
        each.seconds
        for each in found
        if each.seconds is not None and each.state in {"succeeded", "failed"}
    )
    return Group(
        name=name,
        count=len(found),
        succeeded=states["succeeded"],
        failed=states["failed"],
        cancelled=states["cancelled"],
        success_share=states["succeeded"] / decided if decided else None,
        p50_seconds=percentile(seconds, 0.5),
        p95_seconds=percentile(seconds, 0.95),
        cpu_seconds=round(sum(each.cpu_seconds for each in found), 3),
    )


def by_name(found: Iterable[Ended], *, most: int) -> list[Group]:
    """Return a group for each name, those with the most first."""
    named: defaultdict[str, list[Ended]] = defaultdict(list)
    for each in found:
        named[each.name].append(each)
    groups = [group(name, items) for name, items in named.items()]
    return sorted(groups, key=lambda each: (-each.count, each.name))[:most]


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """Return the smallest value that at least this share does not exceed; None of nothing."""
    if not ordered:
        return None
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
