"""Short, sortable identifiers that a person can type."""

import secrets
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32, lower case
_EPOCH_SECONDS = 1_700_000_000


def _encode(value: int, length: int) -> str:
    digits = []
    for _ in range(length):
        value, rest = divmod(value, 32)
        digits.append(_ALPHABET[rest])
    return "".join(reversed(digits))


def new_id(prefix: str) -> str:
    """Return `prefix_` and 14 characters: 6 of the second (until 2057), 8 random (40 bits)."""
    seconds = max(0, int(time.time()) - _EPOCH_SECONDS)
    return f"{prefix}_{_encode(seconds, 6)}{_encode(secrets.randbits(40), 8)}"
