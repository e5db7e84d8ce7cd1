"""The review's score, from 0 to 100.

Each issue costs points by its grade: a blocker 30, a critical one 12, a major one 3, a minor one
0.5. An area's points are divided by the square root of the thousands of lines reviewed (at least
one), so that a large change is not condemned for a few small things, and an area costs no more
than its share: security 50, complexity 20, testing 20, style 15. What is left of 100, rounded, is
the score; while there is a blocker it is at most 49, while there is a critical issue at most 79.

Solving an issue therefore never lowers the score.
"""

import math
from collections.abc import Sequence

from commandcenter_analysis.issues import Area, Grade, Issue

_POINTS = {Grade.BLOCKER: 30.0, Grade.CRITICAL: 12.0, Grade.MAJOR: 3.0, Grade.MINOR: 0.5}
_SHARE = {Area.SECURITY: 50.0, Area.COMPLEXITY: 20.0, Area.TESTING: 20.0, Area.STYLE: 15.0}
_MOST_WITH_BLOCKER = 49
_MOST_WITH_CRITICAL = 79


def score(issues: Sequence[Issue], lines: int) -> int:
    """The score of `issues` in a review of `lines` lines of code."""
    tolerance = math.sqrt(max(1.0, lines / 1000))
    lost = 0.0
    for area, share in _SHARE.items():
        points = sum(_POINTS[one.grade] for one in issues if one.area is area)
        lost += min(share, points / tolerance)
    result = max(0, round(100 - lost))
    grades = {one.grade for one in issues}
    if Grade.BLOCKER in grades:
        return min(result, _MOST_WITH_BLOCKER)
    if Grade.CRITICAL in grades:
        return min(result, _MOST_WITH_CRITICAL)
    return result
