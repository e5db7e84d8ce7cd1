"""The data directory: whose it is, and what is said when it cannot be used."""

import os
import stat
from pathlib import Path

import pytest

from commandcenter.hub.lock import (
    DataDirectoryInUseError,
    DataDirectoryLock,
    DataDirectoryUnusableError,
)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("mode", [0o755, 0o777, 0o750])
def test_others_are_kept_out_of_a_directory_that_was_there(tmp_path: Path, mode: int) -> None:
    data = tmp_path / "data"
    data.mkdir()
    data.chmod(mode)

    lock = DataDirectoryLock(data)

    assert lock.warning is None
    assert _mode(data) == 0o700
    assert _mode(data / "hub.lock") == 0o600
    lock.release()


def test_a_shared_directory_is_left_alone_and_named(tmp_path: Path) -> None:
    data = tmp_path / "shared"
    data.mkdir()
    data.chmod(0o1777)

    lock = DataDirectoryLock(data)

    assert _mode(data) == 0o1777
    assert str(data) in str(lock.warning)
    assert "chmod 700" in str(lock.warning)
    lock.release()


def test_somebodys_home_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o755)
    monkeypatch.setenv("HOME", str(home))

    lock = DataDirectoryLock(home)

    assert _mode(home) == 0o755
    assert lock.warning is not None
    lock.release()


def test_a_place_that_cannot_be_is_one_clear_error(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for place in (Path("/proc/foo"), file, file / "data"):
        with pytest.raises(DataDirectoryUnusableError, match=str(place)) as refused:
            DataDirectoryLock(place)
        assert "--data-directory" in str(refused.value.hint)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_one_may_not_write_to_is_one_clear_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(DataDirectoryUnusableError, match="may not write"):
        DataDirectoryLock(tmp_path)
    with pytest.raises(DataDirectoryUnusableError, match="may not write"):
        DataDirectoryLock(tmp_path / "data")


def test_the_second_is_told_who_has_it(tmp_path: Path) -> None:
    first = DataDirectoryLock(tmp_path)
    first.tell("http://127.0.0.1:3333")
    with pytest.raises(DataDirectoryInUseError, match="3333") as refused:
        DataDirectoryLock(tmp_path)
    assert "--data-directory" in str(refused.value.hint)
    first.release()
    DataDirectoryLock(tmp_path).release()
