"""Keeping secrets out of what is written: known values, and whatever looks like a credential."""

import re
from collections.abc import Iterable

MASK = "[redacted]"
_MIN_LENGTH = 6  # a shorter value would blacken ordinary words
_TOKEN = re.compile(
    r"""
    \bcc_[0-9a-z]{8}_[A-Za-z0-9_-]{16,}          # this product's tokens
  | (?<=[Bb]earer\ )[A-Za-z0-9._~+/=-]{8,}
  | \bgh[pousr]_[A-Za-z0-9]{20,}
  | \bgithub_pat_[A-Za-z0-9_]{20,}
  | \bsk-[A-Za-z0-9_-]{20,}
  | \bxox[abprs]-[A-Za-z0-9-]{10,}
  | \bAKIA[0-9A-Z]{16}\b
  | \beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+
  | (?<=://)[^/\s:@]*:[^/\s@]+(?=@)              # a password in an address
    """,
    re.VERBOSE,
)


class Redactor:
    """Knows the secret values of this process; thread-safe, because sets are replaced whole."""

    def __init__(self) -> None:
        self._values: frozenset[str] = frozenset()
        self._pattern: re.Pattern[str] | None = None

    def register(self, values: Iterable[str]) -> None:
        """Mask these values from now on; those under six characters are left alone."""
        added = {value for value in values if len(value) >= _MIN_LENGTH}
        # A secret of several lines must not get out line by line.
        added |= {
            line.strip()
            for value in added
            for line in value.splitlines()
            if len(line.strip()) >= _MIN_LENGTH
        }
        if added <= self._values:
            return
        self._values |= added
        self._compile()

    def forget(self, values: Iterable[str]) -> None:
        self._values -= set(values)
        self._compile()

    def redact(self, text: str) -> str:
        if self._pattern is not None:
            text = self._pattern.sub(MASK, text)
        return _TOKEN.sub(MASK, text)

    def _compile(self) -> None:
        longest_first = sorted(self._values, key=lambda value: (-len(value), value))
        self._pattern = (
            re.compile("|".join(re.escape(value) for value in longest_first))
            if longest_first
            else None
        )
