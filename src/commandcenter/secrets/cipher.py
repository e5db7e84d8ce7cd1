"""AES-256-GCM with a key kept in a file beside, not in, the database."""

import base64
import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from commandcenter.secrets.errors import VaultCorruptError, VaultKeyError

KEY_FILE = "vault-key"
_KEY_BYTES = 32
_NONCE_BYTES = 12
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True, repr=False)
class Sealed:
    key_id: str
    nonce: bytes
    ciphertext: bytes


class Cipher:
    """Encrypts for one row: its id is associated data, so that values cannot change places."""

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)
        self.key_id = hashlib.sha256(b"commandcenter vault key\0" + key).hexdigest()[:16]

    def seal(self, value: str, *, row_id: str) -> Sealed:
        nonce = os.urandom(_NONCE_BYTES)
        return Sealed(
            key_id=self.key_id,
            nonce=nonce,
            ciphertext=self._aead.encrypt(nonce, value.encode(), self._bound_to(row_id)),
        )

    def open(self, sealed: Sealed, *, row_id: str) -> str:
        """Return the value; `VaultCorruptError` when the key is another or the row was changed."""
        if sealed.key_id != self.key_id:
            raise VaultKeyError(
                f"Secret {row_id} was encrypted with key {sealed.key_id}, and {KEY_FILE} holds "
                f"{self.key_id}.",
                hint=f"Restore the {KEY_FILE} that belongs to this database, or set the secret "
                "again.",
            )
        try:
            plain = self._aead.decrypt(sealed.nonce, sealed.ciphertext, self._bound_to(row_id))
        except InvalidTag as error:
            raise VaultCorruptError(
                f"Secret {row_id} was changed outside the vault.", hint="Set the secret again."
            ) from error
        return plain.decode()

    def _bound_to(self, row_id: str) -> bytes:
        return f"{self.key_id}:{row_id}".encode()


def load_cipher(data_directory: Path) -> Cipher:
    """Read the key, made at the first start; refuse one that others can read."""
    path = data_directory / KEY_FILE
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return Cipher(_create_key(path))
    except OSError as error:
        raise VaultKeyError(f"{path} cannot be read: {error.strerror}.") from error
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(file.fileno())
        if stat.S_IMODE(found.st_mode) & _OTHERS or found.st_uid != os.geteuid():
            raise VaultKeyError(
                f"{path} has mode {stat.S_IMODE(found.st_mode):04o} and belongs to user "
                f"{found.st_uid}: others may have read the key to all secrets.",
                hint=f"chmod 600 {path}, give it to the user that runs the hub, and consider "
                "changing the secrets.",
            )
        content = file.read(200)
    try:
        key = base64.b64decode(content.strip(), validate=True)
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise VaultKeyError(
            f"{path} does not hold a key of {_KEY_BYTES} bytes.",
            hint="Restore it from a backup; without it the stored secrets are lost.",
        )
    return Cipher(key)


def _create_key(path: Path) -> bytes:
    key = AESGCM.generate_key(_KEY_BYTES * 8)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, flags, 0o600), "wb") as file:
        file.write(base64.b64encode(key) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    # A link, unlike a rename, never replaces a key that appeared in the meantime.
    os.link(temporary, path)
    temporary.unlink()
    return key
