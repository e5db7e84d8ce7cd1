"""Naming a secret without telling it."""

import hashlib
import hmac
import secrets


class Masker:
    """Masks the secrets of one scan.

    The salt is random and thrown away with the masker: equal hashes in one report are the same
    secret, and nobody who reads the report can try passwords against it.
    """

    def __init__(self) -> None:
        self._salt = secrets.token_bytes(32)

    def mask(self, secret: bytes, *, known_prefix: str = "") -> str:
        """The secret's public prefix, if it has one, and its length."""
        return f"{known_prefix}*** ({len(secret)} characters)"

    def digest(self, secret: bytes) -> str:
        return hmac.new(self._salt, secret, hashlib.sha256).hexdigest()[:16]
