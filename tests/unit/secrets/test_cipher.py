import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commandcenter.secrets.cipher import KEY_FILE, Cipher, load_cipher
from commandcenter.secrets.errors import VaultCorruptError, VaultKeyError


@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_opens_what_it_sealed(value: str) -> None:
    cipher = Cipher(bytes(32))

    assert cipher.open(cipher.seal(value, row_id="a"), row_id="a") == value


def test_never_seals_twice_the_same() -> None:
    cipher = Cipher(bytes(32))

    assert cipher.seal("v", row_id="a").ciphertext != cipher.seal("v", row_id="a").ciphertext


def test_is_bound_to_its_row() -> None:
    cipher = Cipher(bytes(32))
    sealed = cipher.seal("v", row_id="a")

    with pytest.raises(VaultCorruptError):
        cipher.open(sealed, row_id="b")


def test_key_is_made_once_and_private(tmp_path: Path) -> None:
    first, second = load_cipher(tmp_path), load_cipher(tmp_path)

    assert first.key_id == second.key_id
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    load_cipher(tmp_path)
    (tmp_path / KEY_FILE).chmod(mode)

    with pytest.raises(VaultKeyError, match=f"{mode:04o}"):
        load_cipher(tmp_path)


@pytest.mark.parametrize("content", [b"", b"short", b"!" * 44, b"A" * 100])
def test_broken_key_is_refused(tmp_path: Path, content: bytes) -> None:
    load_cipher(tmp_path)
    (tmp_path / KEY_FILE).write_bytes(content)

    with pytest.raises(VaultKeyError, match="32 bytes"):
        load_cipher(tmp_path)


def test_key_behind_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / KEY_FILE).symlink_to(tmp_path / "elsewhere")

    with pytest.raises(VaultKeyError):
        load_cipher(tmp_path)
