import functools
from pathlib import Path

import pytest

from commandcenter.kit.errors import InvalidInputError
from commandcenter.runtimes.sandbox import programs, recipes
from commandcenter.runtimes.sandbox.programs import Program, ProgramMissingError
from commandcenter.runtimes.spec import AttemptKind, Limits


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    found = (
        Program(Path("/usr/lib/postgresql/16/bin/postgres"), (16, 2)),
        Program(Path("/usr/lib/postgresql/14/bin/postgres"), (14, 1)),
    )
    monkeypatch.setattr(programs, "_all_postgres", functools.cache(lambda: found))


@pytest.mark.usefixtures("installed")
def test_the_newest_postgres_is_taken_unless_there_is_data() -> None:
    assert programs.find_postgres().version == (16, 2)
    assert programs.find_postgres(14).version == (14, 1)
    with pytest.raises(ProgramMissingError, match="PostgreSQL 15 by which its data") as caught:
        programs.find_postgres(15)
    assert "postgresql-15" in str(caught.value.hint)
    assert "commandcenter[stacks]" in str(caught.value.hint)


def test_what_is_missing_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "_SYSTEM_PATH", "/nonexistent")
    monkeypatch.setattr(programs, "_in_wheel", lambda *_: [])
    programs._find.cache_clear()
    try:
        with pytest.raises(ProgramMissingError, match="Redis 5 or newer") as caught:
            programs.find_redis()
    finally:
        programs._find.cache_clear()
    assert "redis-server" in str(caught.value.hint)


def test_a_program_that_does_not_run_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "redis-server"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(programs, "_SYSTEM_PATH", str(tmp_path))
    monkeypatch.setattr(programs, "_in_wheel", lambda *_: [])
    programs._find.cache_clear()
    try:
        with pytest.raises(ProgramMissingError):
            programs.find_redis()
    finally:
        programs._find.cache_clear()


@pytest.mark.usefixtures("installed")
def test_a_password_is_nowhere_but_in_its_file() -> None:
    recipe = recipes.postgres(
        user="app", password="secret-word", database="shop", memory_bytes=2048 * 1024**2
    )
    spec = recipes.attempt(
        recipe, attempt_id="a.1", network="a", names=("postgres",), limits=Limits(), host_port=1234
    )
    assert "secret-word" not in " ".join((*spec.command, *spec.environment.values()))
    assert list(spec.secret_files.values()) == ["secret-word\n"]
    assert "secret-word" not in repr(recipe)
    assert spec.kind is AttemptKind.SERVICE
    assert spec.service is not None
    assert (spec.service.uid, spec.service.ports[0].service_port) == (999, 5432)


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("name", ['a"; DROP', "a b", "", "-x", "a" * 64])
def test_a_database_name_that_would_need_quoting_is_refused(name: str) -> None:
    with pytest.raises(InvalidInputError):
        recipes.postgres(user="app", password="x", database=name, memory_bytes=1)


def test_the_version_of_existing_data(tmp_path: Path) -> None:
    assert recipes.postgres_major(tmp_path) is None
    (tmp_path / "pgdata").mkdir()
    (tmp_path / "pgdata" / "PG_VERSION").write_text("15\n")
    assert recipes.postgres_major(tmp_path) == 15
