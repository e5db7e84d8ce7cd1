"""Bearer tokens: `cc_<prefix>_<256 random bits>`. The prefix may be shown, the rest never."""

import hashlib
import secrets
from dataclasses import dataclass
from enum import StrEnum

_PREFIX_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PREFIX_LENGTH = 8
_SECRET_BYTES = 32
MAX_TOKEN_LENGTH = 128


class TokenKind(StrEnum):
    API = "api"
    SESSION = "session"
    ONE_TIME = "one_time"


@dataclass(frozen=True, slots=True, repr=False)
class NewToken:
    """A token at the one moment when its value is known."""

    value: str
    prefix: str
    hash: str


def generate_token() -> NewToken:
    prefix = "".join(secrets.choice(_PREFIX_ALPHABET) for _ in range(_PREFIX_LENGTH))
    value = f"cc_{prefix}_{secrets.token_urlsafe(_SECRET_BYTES)}"
    return NewToken(value=value, prefix=prefix, hash=hash_token(value))


def hash_token(value: str) -> str:
    """Return the SHA-256 in hex. A fast hash will do: 256 random bits cannot be guessed."""
    return hashlib.sha256(value.encode()).hexdigest()


def looks_like_token(value: str) -> bool:
    return value.startswith("cc_") and value.isascii() and len(value) <= MAX_TOKEN_LENGTH
