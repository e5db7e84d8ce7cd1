"""The database's schema: in a line of revisions, and what the models say."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from commandcenter.hub.migrate import migrate
from commandcenter.kit.database import Database, sqlite_url
from commandcenter.models.base import Base

MIGRATIONS = Path(__file__).parents[3] / "migrations"


def test_revisions_are_in_a_line() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert len(ScriptDirectory.from_config(config).get_heads()) == 1


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without any table."""
    if request.param == "sqlite":
        yield sqlite_url(tmp_path / "empty.db")
        return
    with request.getfixturevalue("postgres_server").database(is_migrated=False) as url:
        yield url


async def test_the_newest_schema_is_that_of_the_models(empty_database_url: str) -> None:
    database = Database(empty_database_url)
    await migrate(database)

    def differences(connection: Connection) -> list[Any]:
        return list(compare_metadata(MigrationContext.configure(connection), Base.metadata))

    async with database.engine.connect() as connection:
        found = await connection.run_sync(differences)
    await database.close()
    assert [one for one in found if "alembic_version" not in str(one)] == []


async def test_attempts_from_before_there_were_checks_are_no_checks(
    empty_database_url: str,
) -> None:
    database = Database(empty_database_url)
    await _upgrade(database, "0001")
    async with database.engine.begin() as connection:
        for statement in _OLD_ATTEMPT:
            await connection.execute(text(statement))

    await migrate(database)

    async with database.read() as session:
        query = "SELECT is_check, effect_hash, report FROM attempts"
        rows = (await session.execute(text(query))).all()
    await database.close()
    assert [(bool(row[0]), row[1], row[2]) for row in rows] == [(False, None, None)]


async def _upgrade(database: Database, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))

    def upgrade(connection: Connection) -> None:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)

    async with database.engine.connect() as connection:
        await connection.run_sync(upgrade)
        await connection.commit()


_OLD_ATTEMPT = (
    "INSERT INTO agents (id, name, revision, version, digest, manifest, registered_at, "
    "registered_by) VALUES ('a', 'a', 1, '1.0.0', 'd', '{}', CURRENT_TIMESTAMP, 'p')",
    "INSERT INTO workflows (id, name, version, source, digest, created_at, created_by) "
    "VALUES ('w', 'w', 1, '', 'd', CURRENT_TIMESTAMP, 'p')",
    "INSERT INTO runs (id, workflow_id, workflow_name, workflow_version, state, message, inputs, "
    '"trigger", agents, runtime, requested_by, overrides, epoch, created_at, deadline_at) '
    "VALUES ('r', 'w', 'w', 1, 'running', '', '{}', '{}', '{}', 'fake', 'p', '{}', 1, "
    "CURRENT_TIMESTAMP, CURRENT_TIMESTAMP)",
    "INSERT INTO attempts (id, run_id, node, number, state, message, runtime, agent_id, "
    "created_at) VALUES ('r.n.1', 'r', 'n', 1, 'running', '', 'fake', 'a', CURRENT_TIMESTAMP)",
)
