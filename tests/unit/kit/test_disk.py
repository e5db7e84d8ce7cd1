import errno
import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.exc import OperationalError

from commandcenter.kit.disk import data_disk_full, disk_full, space_at


def _full_database(path: Path) -> sqlite3.Error:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA max_page_count=2")
        connection.execute("CREATE TABLE t (x)")
        with pytest.raises(sqlite3.OperationalError) as full:
            connection.execute("INSERT INTO t VALUES (zeroblob(100000))")
        return full.value


def _wrapped(original: Exception) -> OperationalError:
    return OperationalError("INSERT", {}, original)


def test_what_sqlite_says_is_recognised(tmp_path: Path) -> None:
    found = disk_full(_wrapped(_full_database(tmp_path / "small.db")), tmp_path)

    assert found is not None
    assert (found.status, found.code) == (507, "disk_full")
    assert str(tmp_path) in found.detail
    assert "Free space" in str(found.hint)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_what_the_kernel_says_is_recognised(number: int) -> None:
    error = RuntimeError("the store failed")
    error.__cause__ = OSError(number, "no room", "/data/file")

    assert disk_full(error) is not None


def test_the_disk_of_the_database_server_is_told_apart() -> None:
    found = disk_full(_wrapped(psycopg.errors.DiskFull("could not extend file")))

    assert found is not None
    assert "PostgreSQL server" in found.detail


def test_a_problem_already_in_words_is_kept() -> None:
    problem = data_disk_full()
    error = RuntimeError()
    error.__cause__ = problem

    assert disk_full(error) is problem


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EACCES, "not allowed"),
        ValueError("no space left on device"),
        _wrapped(psycopg.errors.UndefinedTable("no such table")),
        _wrapped(sqlite3.OperationalError("database is locked")),
    ],
)
def test_other_errors_are_not_taken_for_it(tmp_path: Path, error: Exception) -> None:
    assert disk_full(error, tmp_path) is None


def test_a_broken_disk_is_not_a_full_one(tmp_path: Path) -> None:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR

    assert disk_full(error, tmp_path) is None


def test_space_is_told_for_a_folder_that_is_to_be_made(tmp_path: Path) -> None:
    there, not_yet = space_at(tmp_path), space_at(tmp_path / "not" / "yet")

    assert there.total_bytes == not_yet.total_bytes > 0
    assert not there.is_exhausted
