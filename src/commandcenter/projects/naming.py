"""Names of projects: typed in a shell, used in paths and labels, so kept plain."""

import re
from collections.abc import Callable
from itertools import count
from typing import Annotated

from commandcenter.kit.worded import Worded

NAME_PATTERN = r"^[a-z0-9][a-z0-9-]{0,62}$"
ProjectName = Annotated[
    str,
    Worded(
        NAME_PATTERN,
        "A name has small letters, digits and hyphens, begins with a letter or a digit, "
        "and is at most 63 characters long.",
    ),
]
_MAX_LENGTH = 63
_FALLBACK = "project"


def name_from_folder(folder_name: str) -> str:
    """Return the nearest valid name: lower case, everything else turned into single dashes."""
    plain = re.sub(r"[^a-z0-9]+", "-", folder_name.lower()).strip("-")
    return plain[:_MAX_LENGTH].rstrip("-") or _FALLBACK


def unique_name(wanted: str, is_taken: Callable[[str], bool]) -> str:
    """Return `wanted`, or the first of `wanted-2`, `wanted-3`, ... that is free."""
    if not is_taken(wanted):
        return wanted
    for number in count(2):
        suffix = f"-{number}"
        candidate = wanted[: _MAX_LENGTH - len(suffix)].rstrip("-") + suffix
        if not is_taken(candidate):
            return candidate
    raise AssertionError("count() never ends")
